/**
 * A snapshot of any device of device-mapper (encrypted, multipath, linear …): before a block of it is overwritten the
 * kernel copies it elsewhere: into a file, or to another machine (network-store.ts), with the file for a buffer then.
 *
 * A second device gets the table of the source, and the source becomes an origin on top of that: one call of the kernel
 * exchanges its table while nothing is under way, which is the instant of the snapshot, and another gives it its own table
 * back. Wherever a run is killed between two steps, the source works. It is done by name only, and never with what LVM
 * manages, which would exchange the table itself.
 */
import { open, readFile, realpath, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fail } from '../../errors.ts';
import { deviceNumber, devicesOn, liesOn } from '../../repository/devices.ts';
import { failpoint } from '../../repository/failpoint.ts';
import { runCommand } from '../command.ts';
import { snapshotSeen, statusOf } from './device-mapper.ts';
import { Guarding } from './guarding.ts';
import { roomFor } from './lvm.ts';
import { closeStore, openStore, StoreWatch, storeDevices, storeObstacle } from './network-store.ts';
import type { SnapshotProvider } from './provider.ts';

const limit = 120_000;
const sector = 512;
/** Two devices with one table spoil each other unless all that a target knows stands in the table: others keep notes on a disk. */
const sharable = ['linear', 'striped', 'crypt', 'multipath', 'delay', 'zero', 'error'];
/** Sectors that are copied at once. */
const chunk = 8;
/** Keys of encrypted devices go from one to the other, and through nobody's list of arguments. */
const copyTable = 'dmsetup table --showkeys "$1" | dmsetup create "$2"';
const giveBack = 'dmsetup table --showkeys "$2" | dmsetup load "$1" && dmsetup resume "$1"';

export const dmSnapshot: SnapshotProvider = {
  name: 'dm-snapshot',
  consistency: 'crash',
  byNameOnly: true,
  survivesRestart: true,

  async obstacle({ source, folder, store }) {
    if (source.kind !== 'device') return 'it is no block device';
    const number = await deviceNumber(source.path);
    const name = await shown(number, 'name');
    if (name === '') return 'it is no device of device-mapper';
    if ((await shown(number, 'uuid')).startsWith('LVM-'))
      return 'it is a logical volume, of which thin and lvm make them';
    const other = (await targetsOf(name)).find((target) => !sharable.includes(target));
    if (other !== undefined) return `its target ${other} cannot be in two devices at once`;
    const missing = store === null ? null : await storeObstacle();
    if (missing !== null) return missing;
    if (folder === null) {
      if (store !== null) return null;
      return 'neither --snapshot-folder nor --snapshot-store says where what is overwritten meanwhile goes';
    }
    return (await liesOn(folder, await devicesOn(number))) ? `${folder} lies on it` : null;
  },

  async plan({ source, id, folder }) {
    const name = await shown(await deviceNumber(source.path), 'name');
    return folder === null ? [name] : [name, join(await realpath(folder), `.${name}.strata-${id}`)];
  },

  async create({ source, id, size, store: uri, freezeLimit: limit }, [name = '', file = '']) {
    const bytes = source.size ?? 0;
    const near = file === '' ? null : await deviceOn(file, roomFor(bytes, size));
    const store = uri === null ? null : { id, uri, buffer: near, limit };
    const room = store === null ? near : await openStore(store);
    const { origin, view } = devicesFor(id);
    await act('sh', ['-c', copyTable, 'sh', name, origin]);
    const table = (target: string) => `0 ${bytes / sector} ${target}`;
    await act('dmsetup', ['create', view, '--table', table(`snapshot /dev/mapper/${origin} ${room} N ${chunk}`)]);
    await act('dmsetup', ['load', name, '--table', table(`snapshot-origin /dev/mapper/${origin}`)]);
    failpoint('snapshot.exchange');
    await act('dmsetup', ['resume', name]);
    const watch = store === null ? null : new StoreWatch(store);
    const guarding = await Guarding.begin(id, source.path, async () => {
      if (!(await isOn(origin, name)))
        return { trouble: 'somebody else exchanged the table of the source', room: null };
      const { trouble, room: filled } = snapshotSeen(await statusOf(view));
      const ofStore = (await watch?.trouble(source.path, filled, performance.now() / 1000)) ?? null;
      return { trouble: ofStore ?? trouble, room: filled };
    });
    return guarding.view(`/dev/mapper/${view}`);
  },

  async end([name = '', file = ''], end, id) {
    Guarding.end(id);
    if (file !== '' && !basename(file).endsWith(`.strata-${id}`)) return;
    failpoint('snapshot.remove');
    const { origin, view } = devicesFor(id);
    // A snapshot that nobody reads must not have its source wait for the network.
    if (end !== 'success') await closeStore(id, false);
    if (await isOn(origin, name)) await act('sh', ['-c', giveBack, 'sh', name, origin]);
    else if (await isOn(origin, name, ['--inactive'])) await act('dmsetup', ['clear', name]);
    // An exchange that the kernel refused leaves it standing still.
    if ((await shownBy(['suspended'], name)) === 'Suspended') await act('dmsetup', ['resume', name]);
    const { layers, far } = storeDevices(id);
    await removeDevices([view, origin, ...layers]);
    if (end === 'success') await closeStore(id, true);
    await removeDevices([far]);
    if (file === '') return;
    const loops = await runCommand('losetup', ['--noheadings', '--output', 'NAME', '--associated', file], { limit });
    for (const loop of loops.stdout.split('\n').filter((text) => text !== '')) await act('losetup', ['--detach', loop]);
    await rm(file, { force: true });
  },
};

async function deviceOn(file: string, bytes: number): Promise<string> {
  await (await open(file, 'wx', 0o600)).close();
  await act('fallocate', ['--length', `${bytes}`, file]);
  return (await act('losetup', ['--find', '--show', file])).trim();
}

async function removeDevices(names: readonly string[]): Promise<void> {
  for (const name of names) if ((await statusOf(name)) !== null) await act('dmsetup', ['remove', '--retry', name]);
}

/** The source's own table, and the snapshot. */
function devicesFor(id: string) {
  return { origin: `strata-${id}-origin`, view: `strata-${id}` };
}

/** What the lines of a device's table are of. */
async function targetsOf(name: string): Promise<string[]> {
  const table = await act('dmsetup', ['table', name]);
  return table.split('\n').flatMap((line) => /^\d+ \d+ (\S+)/.exec(line)?.[1] ?? []);
}

/** Whether a device's table makes it an origin on top of that one. */
async function isOn(origin: string, name: string, which: readonly string[] = []): Promise<boolean> {
  const number = await shownBy(['major', 'minor'], origin);
  const table = await runCommand('dmsetup', ['table', ...which, name], { limit });
  return number !== '' && table.stdout.trim().endsWith(` snapshot-origin ${number}`);
}

/** What dmsetup says of a device; an empty text when there is none. */
async function shownBy(columns: readonly string[], name: string): Promise<string> {
  const form = ['--columns', '--noheadings', '--separator', ':', '--options', columns.join(',')];
  const { code, stdout } = await runCommand('dmsetup', ['info', ...form, name], { limit });
  return code === 0 ? stdout.trim() : '';
}

/** What /sys says of a device of device-mapper; an empty text of others. */
async function shown(number: string, what: 'name' | 'uuid'): Promise<string> {
  return (await readFile(`/sys/dev/block/${number}/dm/${what}`, 'utf8').catch(() => '')).trim();
}

async function act(program: string, words: readonly string[]): Promise<string> {
  const { code, stdout, trouble } = await runCommand(program, words, { limit });
  if (code === 0) return stdout;
  throw fail('IO', { what: `${program} ${words[0]} failed`, reason: trouble });
}
