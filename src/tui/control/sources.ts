/** What is to be backed up, as forms ask for it: disks of this machine to be ticked, and a line for all else. */
import { formatSize } from '../../cli/units.ts';
import type { FoundDisk } from '../../jobs/setup/disks.ts';
import { chosenOf, type Field, severalField, textField } from '../state/form.ts';
import type { Sources } from '../state/intent.ts';
import { asWord, atHome, wordsIn } from '../state/words.ts';

type Values = Readonly<Record<string, string>>;

/** Stands for all disks, among paths. */
const all = '*';

/** The fields; `before`: what is ticked, or named, to begin with. */
export function sourceFields(found: readonly FoundDisk[], before: readonly string[] = []): Field[] {
  const usable = found.filter(({ obstacle }) => obstacle === null);
  const ticked = usable.filter((disk) => before.some((path) => isAt(disk, path)));
  const others = before.filter((path) => !ticked.some((disk) => isAt(disk, path)));
  return [
    severalField(
      'disks',
      'Disks of this machine',
      [{ value: all, label: 'all disks, whole' }, ...usable.map((disk) => ({ value: disk.path, label: lineOf(disk) }))],
      ticked.map(({ path }) => path),
    ),
    textField(
      'others',
      'Other sources',
      others.map((path) => `${asWord(path)} `).join(''),
      'a path, or several with blanks between',
    ),
  ];
}

/** The disk that was backed up from a path before. */
interface Known {
  readonly path: string;
  readonly disk: string;
}

/** Names of disks by the paths that they are found by; one that was backed up before keeps its name. */
export function namesOf(found: readonly FoundDisk[], known?: Known): Readonly<Record<string, string>> {
  const nameOf = (disk: FoundDisk) => (known !== undefined && isAt(disk, known.path) ? known.disk : disk.name);
  return {
    ...(known === undefined ? {} : { [known.path]: known.disk }),
    ...Object.fromEntries(found.map((disk) => [disk.path, nameOf(disk)])),
  };
}

function isAt({ path, name }: FoundDisk, wanted: string): boolean {
  return path === wanted || `/dev/${name}` === wanted;
}

/** Which disks cannot be backed up, and why. */
export function obstaclesOf(found: readonly FoundDisk[]): string[] {
  const named = found.flatMap(({ name, obstacle }) => (obstacle === null ? [] : [`${name}: ${obstacle}`]));
  return named.length === 0 ? [] : [`Not to be had: ${named.join('; ')}.`];
}

/** What was entered; a text: why it cannot be taken. */
export function sourcesOf(values: Values, names: Readonly<Record<string, string>>): Sources | string {
  const ticked = chosenOf(values.disks);
  const others = wordsIn(values.others ?? '');
  if (others === null) return 'a quote is not closed';
  if (others.includes('-')) return 'standard input is for strata backup -';
  if (ticked.includes(all)) {
    return ticked.length + others.length > 1 ? 'all disks, or those that are named: not both' : { disks: null };
  }
  const paths = [...ticked, ...others.map(atHome)];
  if (paths.length === 0) return 'what should be backed up?';
  return { disks: paths.map((source) => ({ source, disk: names[source] })) };
}

/** For people: `all disks`, or their paths. */
export function sourcesText({ disks }: Sources): string {
  return disks === null ? 'all disks' : disks.map(({ source }) => source).join(' ');
}

/** `sda  931.5 GiB  vfat ext4  /boot /`. */
export function lineOf({ name, size, fileSystem, parts, mountedAt }: FoundDisk): string {
  const systems = [...new Set([fileSystem, ...parts.map((part) => part.fileSystem)])].filter(
    (system) => system !== null,
  );
  return [name, formatSize(size), systems.join(' '), mountedAt.join(' ')].filter((part) => part !== '').join('  ');
}
