/** What is mounted and swapped on, as /proc tells it. */
import { readFile } from 'node:fs/promises';

export interface Mount {
  /** `major:minor`. */
  readonly device: string;
  /** Where it is mounted. */
  readonly at: string;
  /** What is mounted: a device path, for most file systems on a disk. */
  readonly source: string;
  readonly writable: boolean;
}

/** All mounts that this process sees. */
export async function readMounts(): Promise<Mount[]> {
  return parseMountinfo(await readFile('/proc/self/mountinfo', 'utf8'));
}

/** Reads the text of /proc/self/mountinfo (proc_pid_mountinfo(5)). */
export function parseMountinfo(text: string): Mount[] {
  const mounts: Mount[] = [];
  for (const line of text.split('\n')) {
    const [before = '', after = ''] = line.split(' - ');
    const [, , device, , at, options] = before.split(' ');
    const [, source, superOptions] = after.split(' ');
    if (device === undefined || at === undefined || source === undefined) continue;
    const writable = [options, superOptions].every((list) => !list?.split(',').includes('ro'));
    mounts.push({ device, at: unescaped(at), source: unescaped(source), writable });
  }
  return mounts;
}

/** The mount that a path lies in: of those whose folder holds it the deepest, and of equals the last made. */
export function mountHolding(mounts: readonly Mount[], path: string): Mount | undefined {
  const holding = mounts.filter(({ at }) => isWithin(path, at));
  return holding.reduceRight<Mount | undefined>((best, mount) => {
    return best === undefined || mount.at.length > best.at.length ? mount : best;
  }, undefined);
}

/** Whether a path is a folder or lies in it. */
export function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder === '/' ? '/' : `${folder}/`);
}

/** Paths of devices and files that are swapped on. */
export async function readSwaps(): Promise<string[]> {
  const [, ...lines] = (await readFile('/proc/swaps', 'utf8')).split('\n');
  return lines.filter((line) => line !== '').map((line) => unescaped(line.split(/\s/, 1)[0] ?? ''));
}

/** The kernel writes blanks and backslashes as three octal digits. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
