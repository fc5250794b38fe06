/**
 * The device itself, while the file systems mounted from it stand still (FIFREEZE). Whoever writes to them waits, so it
 * is done only on request, never to what this run or the system needs, and not for longer than a limit.
 */
import type { ChildProcess } from 'node:child_process';
import { fail, reasonOf } from '../../errors.ts';
import { deviceNumber, devicesOn, mountsOn } from '../../repository/devices.ts';
import { failpoint } from '../../repository/failpoint.ts';
import type { SnapshotProvider } from './provider.ts';
import { dismiss, goOn, startGuard, stop, whatMustGoOn } from './still.ts';

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
    return whatMustGoOn(await devicesOn(await deviceNumber(source.path)), needed);
  },

  async plan({ source }) {
    return writableFileSystems(await devicesOn(await deviceNumber(source.path)));
  },

  async create({ source, id, freezeLimit }, places) {
    const guard = await startGuard(freezeLimit, places).catch((error: unknown) => {
      throw fail('SNAPSHOT_FAILED', { path: source.path, provider: 'freeze', reason: reasonOf(error) });
    });
    guards.set(id, guard);
    const lost = new AbortController();
    guard.on('exit', () => lost.abort());
    for (const at of places) {
      failpoint('snapshot.freeze');
      await stop(at, freezeLimit);
    }
    return {
      path: source.path,
      lost: lost.signal,
      proven: async () => {
        const refuse = (reason: string) => fail('SNAPSHOT_LOST', { path: source.path, reason });
        if (lost.signal.aborted) throw refuse(`it was thawed after ${freezeLimit / 1000} s, before all was read`);
        for (const at of places) if (!(await goOn(at))) throw refuse(`${at} was thawed before all was read`);
      },
    };
  },

  async end(places, _end, id) {
    failpoint('snapshot.remove');
    for (const at of places) await goOn(at);
    dismiss(guards.get(id));
    guards.delete(id);
  },
};

/** Where each file system on the devices is mounted writable, once. */
export async function writableFileSystems(devices: ReadonlySet<string>): Promise<string[]> {
  const mounts = (await mountsOn(devices)).filter(({ writable }) => writable);
  return [...new Map(mounts.map(({ device, at }) => [device, at])).values()];
}
