/** Which disks: those of this machine, with what lies on them, and any image or partition that somebody names. */
import { hostname } from 'node:os';
import { examineSource, type FoundDisk, findDisks, requireApart } from '../../jobs/setup/disks.ts';
import { type ChosenDisk, requireMachineName } from '../../jobs/setup/plan.ts';
import { printable } from '../table.ts';
import { formatSize } from '../units.ts';
import type { Asker, Choice } from './asker.ts';

export interface ChosenDisks {
  readonly disks: readonly ChosenDisk[];
  /** Where they are mounted, by source: such a disk changes while it is read. */
  readonly inUse: readonly { readonly source: string; readonly at: readonly string[] }[];
}

interface DiskAnswers {
  readonly source?: readonly string[];
  readonly machine?: string;
}

/** `repository`: its folder, null when it is in none. */
export async function askDisks(asker: Asker, answers: DiskAnswers, repository: string | null): Promise<ChosenDisks> {
  const examine = (path: string) => examineSource(repository, path);
  const given = answers.source && (await Promise.all(answers.source.map(examine)));
  if (given) await requireApart(given.map(({ path }) => path));
  const found = await asker.answer<readonly FoundDisk[]>({
    option: '--source',
    given,
    fallback: undefined,
    ask: () =>
      asker.untilTaken(
        () => choose(asker, repository),
        async (chosen) => {
          await requireApart(chosen.map(({ path }) => path));
          return chosen;
        },
      ),
  });
  if (answers.machine !== undefined) requireMachineName(answers.machine);
  const machine = await asker.answer({
    option: '--machine',
    given: answers.machine,
    fallback: hostname(),
    ask: () =>
      asker.untilTaken(
        () => asker.text('Name of this machine in the repository:', { fallback: hostname() }),
        async (name) => {
          requireMachineName(name);
          return name;
        },
      ),
  });
  const inUse = found.filter(({ mountedAt }) => mountedAt.length > 0);
  return {
    disks: named(found).map(({ path, name }) => ({ source: path, machine, disk: name })),
    inUse: inUse.map(({ path, mountedAt }) => ({ source: path, at: mountedAt })),
  };
}

async function choose(asker: Asker, repository: string | null): Promise<FoundDisk[]> {
  const found = await findDisks(repository);
  const columns = (process.stderr.columns ?? 80) - 8;
  const choices: Choice<FoundDisk | null>[] = found.map((disk) => ({
    value: disk,
    name: lineOf(disk).slice(0, columns),
    description: detailsOf(disk),
    checked: disk.obstacle === null && disk.mountedAt.length > 0 && !disk.name.startsWith('loop'),
    disabled: disk.obstacle === null ? false : `(${disk.obstacle})`,
  }));
  const other: Choice<null> = { value: null, name: 'another: a partition or an image file' };
  const chosen = await asker.chooseSeveral('Which disks?', [...choices, other]);
  const disks = chosen.filter((disk) => disk !== null);
  if (!chosen.includes(null)) return disks;
  const named = await asker.untilTaken(
    () => asker.text('Its path:', { check: (text) => text.trim().startsWith('/') || 'a whole path' }),
    (path) => examineSource(repository, path),
  );
  return [...disks, named];
}

/** `sda  931.5 GiB  2 partitions: vfat, ext4  Samsung SSD 870`. */
export function lineOf({ name, size, fileSystem, parts, model }: FoundDisk): string {
  return printable([name, formatSize(size), contentOf(parts, fileSystem), model].filter(Boolean).join('  '));
}

function contentOf(parts: FoundDisk['parts'], fileSystem: string | null): string {
  if (parts.length === 0) return fileSystem ?? 'nothing known on it';
  const systems = [...new Set(parts.map((part) => part.fileSystem).filter((system) => system !== null))];
  const count = `${parts.length} partition${parts.length === 1 ? '' : 's'}`;
  return systems.length === 0 ? count : `${count}: ${systems.join(', ')}`;
}

/** `1 vfat 512.0 MiB, 2 ext4 931.0 GiB; mounted at /boot, /`. */
export function detailsOf({ path, parts, mountedAt }: FoundDisk): string {
  const divided = parts.map(({ number, fileSystem, size }) =>
    [number, fileSystem, formatSize(size)].filter(Boolean).join(' '),
  );
  const use = mountedAt.length > 0 ? `mounted at ${mountedAt.join(', ')}` : 'not mounted';
  return printable([path, ...(divided.length > 0 ? [divided.join(', ')] : []), use].join('; '));
}

/** Two images of one name are two disks. */
function named(found: readonly FoundDisk[]): FoundDisk[] {
  const names = new Set<string>();
  return found.map((disk) => {
    let name = disk.name;
    for (let number = 2; names.has(name); number++) name = `${disk.name}-${number}`;
    names.add(name);
    return { ...disk, name };
  });
}
