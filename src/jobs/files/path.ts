/**
 * Paths of files in a restored file system. Its names are bytes, whatever they are; here a path is a text with one character
 * for each of them (latin1), so that it goes through JSON and back and names the same file. Only `shownName` is for people.
 *
 * The file system is somebody else's: a symbolic link in it may point anywhere on this machine. So nothing is followed: a
 * path is walked link by link, and one through a symbolic link is refused.
 */
import { lstat } from 'node:fs/promises';
import { fail, fromSystem } from '../../errors.ts';

/** The path as the system takes it. */
export function bytesOf(path: string): Buffer {
  return Buffer.from(path, 'latin1');
}

/** A path of this machine in that form. */
export function pathOf(native: string): string {
  return Buffer.from(native).toString('latin1');
}

/** A name for people; bytes that are no UTF-8 and what would steer the terminal are shown as `?`. */
export function shownName(name: string): string {
  return bytesOf(name)
    .toString('utf8')
    .replace(/[\p{Cc}\ufffd]/gu, '?');
}

/** The absolute path of `inside`, which is relative to `root`; PERMISSION when it leads through a link, or out. */
export async function resolveInside(root: string, inside: string): Promise<string> {
  const names = inside.split('/').filter((name) => name !== '');
  if (names.some((name) => name === '..' || name === '.')) throw refusal(inside);
  let path = root;
  for (const [index, name] of names.entries()) {
    path += `/${name}`;
    if (index < names.length - 1 && !(await isFolder(path))) throw refusal(inside);
  }
  return path;
}

/** The same of a folder, which must be one itself. */
export async function resolveFolder(root: string, inside: string): Promise<string> {
  const path = await resolveInside(root, inside);
  if (inside !== '' && !(await isFolder(path))) throw refusal(inside);
  return path;
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await lstat(bytesOf(path))).isDirectory();
  } catch (error) {
    throw fromSystem(error, `cannot open ${shownName(path)}`);
  }
}

function refusal(path: string) {
  return fail('PERMISSION', { what: `${shownName(path)} leads out of what is shown` });
}
