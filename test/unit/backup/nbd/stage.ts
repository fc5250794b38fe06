/** A repository, and backups of exports into it. */
import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type BackupRequest, type BackupResult, backup } from '../../../../src/backup/backup.ts';
import type { StrataEvent } from '../../../../src/repository/events.ts';
import type { Repository } from '../../../../src/repository/repository.ts';
import { restore } from '../../../../src/restore/restore.ts';
import { quiet, scratchFolder, scratchMemory, scratchRepository } from '../../scratch.ts';

export const mib = 2 ** 20;
export const block = 65536;

export interface Stage {
  readonly repo: Repository;
  readonly events: StrataEvent[];
  backUp(source: string, request?: Partial<BackupRequest>, signal?: AbortSignal): Promise<BackupResult>;
  /** What a point restores to. */
  content(result: BackupResult): Promise<Buffer>;
}

export async function stage(): Promise<Stage> {
  const [repo, folder] = [await scratchRepository(), await scratchFolder()];
  const events: StrataEvent[] = [];
  const fixed = {
    machine: 'm',
    disk: 'd',
    cacheFolder: join(folder, 'cache'),
    snapshotRecords: join(folder, 'records'),
  };
  return {
    repo,
    events,
    backUp: (source, request = {}, signal = quiet()) =>
      backup(repo, { source, ...fixed, ...request }, (event) => events.push(event), signal),
    content: async ({ point }) => {
      const to = join(await scratchMemory(), 'content');
      await restore(repo, { point: point ?? '', to }, () => undefined, quiet());
      return readFile(to);
    },
  };
}

/** What qemu-img makes of an image. */
export async function converted(image: string, format: string): Promise<Buffer> {
  const to = join(await scratchMemory(), 'converted');
  execFileSync('qemu-img', ['convert', '-U', '-f', format, '-O', 'raw', image, to]);
  return readFile(to);
}

/** Commands of qemu-io on an image; it says what failed, and ends well nevertheless. */
export function qemuIo(image: string, format: string, ...commands: string[]): void {
  const words = commands.flatMap((command) => ['-c', command]);
  const said = execFileSync('qemu-io', ['-f', format, ...words, image], { encoding: 'utf8' });
  if (/fail|error|mismatch/i.test(said)) throw new Error(said);
}
