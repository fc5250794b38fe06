/**
 * The device itself, while the file systems mounted from it stand still (FIFREEZE). Whoever writes to them waits, so it
 * is done only on request, never to what this run or the system needs, and not for longer than a limit.
 *
 * A guard thaws them at the limit, and at once when this process dies: it waits for the end of a pipe that we hold.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { constants } from 'node:os';
import { dirname } from 'node:path';
import { fail, fromNative, fromSystem } from '../../errors.ts';
import { native } from '../../native.ts';
import { deviceName, devicesOn, mountsOn, storageUnder } from '../../repository/devices.ts';
import { failpoint } from '../../repository/failpoint.ts';
import { killGroup } from '../command.ts';
import type { SnapshotProvider } from './provider.ts';

/** What the system itself writes to. */
const system = ['/', '/tmp', '/var', '/run', '/etc', '/usr', '/proc/self/cwd', '/proc/self/fd/1', '/proc/self/fd/2'];

const guardScript =
  'limit=$1; shift; echo ready; timeout "$limit" cat > /dev/null; for at; do fsfreeze --unfreeze "$at"; done';

/** By the id of the snapshot. */
const guards = new Map<string, ChildProcess>();

export const freeze: SnapshotProvider = {
  name: 'freeze',
  consistency: 'file-system',
  byNameOnly: true,
  survivesRestart: false,

  async obstacle({ source, needed }) {
    if (source.kind !== 'device') return 'it is no block device';
    if (source.mountedAt.length === 0) return 'nothing on it is mounted writable';
    const devices = await devicesOn(deviceName((await stat(source.path, { bigint: true })).rdev));
    for (const path of [...needed, ...system].map(nearest)) {
      const on = await storageUnder(path).catch((error: NodeJS.ErrnoException) => {
        // A pipe lies on nothing; of anything else it must be known.
        if (error.code === 'ENOENT') return null;
        throw fromSystem(error, `cannot tell what ${path} lies on`);
      });
      const holds = on !== null && [...on.devices].some((device) => devices.has(device));
      if (holds) return `${await realpath(path)} lies on it, and must stay writable`;
    }
    return null;
  },

  async plan({ source }) {
    const devices = await devicesOn(deviceName((await stat(source.path, { bigint: true })).rdev));
    const mounts = (await mountsOn(devices)).filter(({ writable }) => writable);
    return [...new Map(mounts.map(({ device, at }) => [device, at])).values()];
  },

  async create({ source, id, freezeLimit }, places) {
    const guard = await startGuard(source.path, freezeLimit, places);
    guards.set(id, guard);
    const lost = new AbortController();
    guard.on('exit', () => lost.abort());
    for (const at of places) {
      failpoint('snapshot.freeze');
      await native.freezeFileSystem(at).catch((error: unknown) => {
        throw fromNative(error, at);
      });
    }
    return {
      path: source.path,
      lost: lost.signal,
      proven: async () => {
        const refuse = (reason: string) => fail('SNAPSHOT_LOST', { path: source.path, reason });
        if (lost.signal.aborted) throw refuse(`it was thawed after ${freezeLimit / 1000} s, before all was read`);
        for (const at of places) if (!(await thaw(at))) throw refuse(`${at} was thawed before all was read`);
      },
    };
  },

  async end(places, _end, id) {
    failpoint('snapshot.remove');
    for (const at of places) await thaw(at);
    killGroup(guards.get(id)?.pid);
    guards.delete(id);
  },
};

/** The folder that is there already, of one that is yet to be made. */
function nearest(path: string): string {
  return existsSync(path) ? path : nearest(dirname(path));
}

/** Resolves when it is at its post. */
async function startGuard(path: string, limit: number, places: readonly string[]): Promise<ChildProcess> {
  const env = { ...process.env, PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin` };
  const words = ['-c', guardScript, 'guard', `${limit / 1000}`, ...places];
  const guard = spawn('sh', words, { env, stdio: ['pipe', 'pipe', 'ignore'], detached: true });
  guard.stdin.on('error', () => undefined);
  const [said] = await Promise.race([once(guard.stdout, 'data'), once(guard, 'exit')]);
  guard.stdout.destroy();
  if (Buffer.isBuffer(said)) return guard;
  throw fail('SNAPSHOT_FAILED', { path, provider: 'freeze', reason: 'the command that would thaw it did not start' });
}

/** False when it is not frozen, or not there any more. */
async function thaw(at: string): Promise<boolean> {
  try {
    await native.thawFileSystem(at);
    return true;
  } catch (error) {
    const { errno } = error as { errno?: number };
    if (errno === constants.errno.EINVAL || errno === constants.errno.ENOENT) return false;
    throw fromNative(error, at);
  }
}
