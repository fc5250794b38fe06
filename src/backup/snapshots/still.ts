/**
 * What can be made to stand still for a while, so that nobody writes to it: a file system (FIFREEZE), or a device of
 * device-mapper (suspended, with the file system on it). A place names it: where it is mounted, or `device:` and a name.
 *
 * A guard lets all of it go on at a limit, and at once when this process dies: it waits for the end of a pipe that we
 * hold.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { constants } from 'node:os';
import { dirname } from 'node:path';
import { fail, fromNative, fromSystem } from '../../errors.ts';
import { native } from '../../native.ts';
import { liesOn, swapsOn } from '../../repository/devices.ts';
import { killGroup, runCommand } from '../command.ts';

/** What the system itself writes to. */
const system = ['/', '/tmp', '/var', '/run', '/etc', '/usr', '/proc/self/cwd', '/proc/self/fd/1', '/proc/self/fd/2'];

const devicePrefix = 'device:';
/** Of a command that only asks. */
const limit = 60_000;

const guardScript = `limit=$1; shift; echo ready; timeout "$limit" cat > /dev/null
for at; do case $at in
  ${devicePrefix}*) dmsetup resume "\${at#${devicePrefix}}" ;;
  *) fsfreeze --unfreeze "$at" ;;
esac; done`;

/** The place of a device of device-mapper. */
export function devicePlace(name: string): string {
  return `${devicePrefix}${name}`;
}

/** What lies on the devices and must go on, in words; null when nothing does. */
export async function whatMustGoOn(devices: ReadonlySet<string>, needed: readonly string[]): Promise<string | null> {
  for (const path of [...needed, ...system].map(nearest)) {
    const holds = await liesOn(path, devices).catch((error: NodeJS.ErrnoException) => {
      // A pipe lies on nothing; of anything else it must be known.
      if (error.code === 'ENOENT') return false;
      throw fromSystem(error, `cannot tell what ${path} lies on`);
    });
    if (holds) return `${await realpath(path)} lies on it, and must stay writable`;
  }
  return null;
}

/** The same of devices that are suspended: nobody can read them either. */
export async function whatMustBeRead(devices: ReadonlySet<string>, needed: readonly string[]): Promise<string | null> {
  const [swap] = await swapsOn(devices);
  if (swap !== undefined) return `the system swaps to ${swap}`;
  return whatMustGoOn(devices, [...needed, process.execPath, process.argv[1] ?? process.execPath]);
}

/** Has it stand still; within `milliseconds`, where that can be bounded. */
export async function stop(place: string, milliseconds: number): Promise<void> {
  const device = deviceIn(place);
  if (device !== null) return act(['suspend', device], milliseconds);
  await native.freezeFileSystem(place).catch((error: unknown) => {
    throw fromNative(error, place);
  });
}

/** Whether a device stands still; of a file system only letting it go on tells. */
export async function standsStill(place: string): Promise<boolean> {
  const device = deviceIn(place);
  if (device === null) return true;
  const form = ['--columns', '--noheadings', '--options', 'suspended'];
  const { code, stdout } = await runCommand('dmsetup', ['info', ...form, device], { limit });
  return code === 0 && stdout.trim() === 'Suspended';
}

/** Lets it go on; false when it did already, or is gone. */
export async function goOn(place: string): Promise<boolean> {
  const device = deviceIn(place);
  if (device !== null) {
    if (!(await standsStill(place))) return false;
    await act(['resume', device], limit);
    return true;
  }
  try {
    await native.thawFileSystem(place);
    return true;
  } catch (error) {
    const { errno } = error as { errno?: number };
    if (errno === constants.errno.EINVAL || errno === constants.errno.ENOENT) return false;
    throw fromNative(error, place);
  }
}

/** Has the places go on after so many milliseconds, or when this process dies. Resolves when it is at its post. */
export async function startGuard(milliseconds: number, places: readonly string[]): Promise<ChildProcess> {
  const env = { ...process.env, PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin` };
  const words = ['-c', guardScript, 'guard', `${milliseconds / 1000}`, ...places];
  const guard = spawn('sh', words, { env, stdio: ['pipe', 'pipe', 'ignore'], detached: true });
  guard.stdin.on('error', () => undefined);
  const [said] = await Promise.race([once(guard.stdout, 'data'), once(guard, 'exit')]);
  guard.stdout.destroy();
  if (Buffer.isBuffer(said)) return guard;
  throw fail('IO', { what: 'nothing is made to stand still', reason: 'the command that would end that did not start' });
}

/** All goes on: nobody needs to look after that any more. */
export function dismiss(guard: ChildProcess | undefined): void {
  killGroup(guard?.pid);
}

function deviceIn(place: string): string | null {
  return place.startsWith(devicePrefix) ? place.slice(devicePrefix.length) : null;
}

/** The folder that is there already, of one that is yet to be made. */
function nearest(path: string): string {
  return existsSync(path) ? path : nearest(dirname(path));
}

async function act(words: readonly string[], milliseconds: number): Promise<void> {
  const { code, trouble } = await runCommand('dmsetup', words, { limit: milliseconds });
  if (code !== 0) throw fail('IO', { what: `dmsetup ${words.join(' ')} failed`, reason: trouble });
}
