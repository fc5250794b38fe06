/**
 * A snapshot of a mounted device by dattobd or elastio-snap (tracing/drivers.ts). Between backups the driver rests and
 * notes what is written to; the next snapshot follows without a gap.
 *
 * Each snapshot has a file of its own in the file system itself, for the driver would write over an old one, and with it
 * over the list of what changed. What lies in these files changes without being noted, and means nothing to anybody: it is
 * not read. A driver that was at rest when its file system was unmounted has missed something: `touched` tells.
 */
import { existsSync } from 'node:fs';
import { open, statfs } from 'node:fs/promises';
import { constants } from 'node:os';
import { basename, join } from 'node:path';
import { fail, reasonOf } from '../../errors.ts';
import { native } from '../../native.ts';
import { failpoint } from '../../repository/failpoint.ts';
import type { Extents } from '../allocation/allocation.ts';
import { union } from '../allocation/extents.ts';
import { indexEnd } from '../tracing/cow-file.ts';
import type { Tracer } from '../tracing/driver-state.ts';
import {
  control,
  dattobd as dattobdDriver,
  elastioSnap as elastioSnapDriver,
  snapshotDevice,
  stateOf,
  type TracingDriver,
  toolTrouble,
  tracerOf,
} from '../tracing/drivers.ts';
import { findFile, foldersOf, placesOf, removeFile, touched, touchedAt } from '../tracing/own-files.ts';
import { Guarding } from './guarding.ts';
import { roomFor } from './lvm.ts';
import type { SnapshotProvider, SnapshotWish, Traced } from './provider.ts';

const mib = 1024 ** 2;
/** Magic numbers of statfs(2) of the file systems that the drivers know: ext and XFS. */
const known = [0xef53, 0x58465342];
const most = 255;

export const dattobd = tracedBy(dattobdDriver);
export const elastioSnap = tracedBy(elastioSnapDriver);

function tracedBy(driver: TracingDriver): SnapshotProvider {
  const { name } = driver;
  return {
    name,
    consistency: 'crash',
    byNameOnly: true,
    survivesRestart: true,

    async obstacle({ source }) {
      if (source.kind !== 'device') return 'it is no block device';
      try {
        if ((await stateOf(driver)) === null) return `the driver ${name} is not loaded`;
        const [at] = await foldersOf(source.path);
        if (at === undefined) return 'it is not mounted writable itself';
        if (!known.includes((await statfs(at)).type)) return 'its file system is neither ext nor XFS';
        const tracer = await tracerOf(driver, source.path);
        if (tracer !== null && !isOurs(tracer)) return `${name} follows it for another program (${tracer.cowFile})`;
        if (tracer !== null && isRead(tracer)) return readBySomebody(driver, tracer);
        return await toolTrouble(driver);
      } catch (error) {
        return reasonOf(error);
      }
    },

    async plan({ source, id }) {
      const [at = ''] = await foldersOf(source.path);
      return [join(at, fileName(id)), source.path];
    },

    async create(wish, [file = '']) {
      const { source, id } = wish;
      const failed = (reason: string) => fail('SNAPSHOT_FAILED', { path: source.path, provider: name, reason });
      // The driver empties what is there.
      if (existsSync(file)) throw failed(`${file} is there already; each snapshot needs a file of its own`);
      const { before, anew, places } = await goOn(driver, wish, file);
      const tracer = await tracerOf(driver, source.path);
      const trouble = tracer === null ? 'it is gone at once' : troubleOf(tracer, file);
      if (tracer?.series == null || trouble !== null) throw failed(`${name}: ${trouble}`);
      const { minor, series } = tracer;
      const { uuid, sequence } = series;
      const guarding = await Guarding.begin(id, source.path, async () => {
        const now = (await stateOf(driver))?.tracers.find((other) => other.minor === minor);
        return {
          trouble: now === undefined ? `${name} does not follow it any more` : troubleOf(now, file),
          room: null,
        };
      });
      return {
        ...guarding.view(snapshotDevice(driver, minor)),
        traced: { uuid, sequence, file, before, anew, own: both(places, await placesOf(file, source.size ?? 0)) },
      };
    },

    async keep([file = ''], id) {
      Guarding.end(id);
      const tracer = await tracerWith(driver, basename(file));
      if (tracer === null) throw new Error(`${name} does not follow it any more`);
      // As long as it is open, nobody unmounts.
      const held = await open(file, 'r');
      try {
        failpoint('snapshot.rest');
        await control(driver, ['transition-to-incremental', `${tracer.minor}`]);
        return await touched(held);
      } finally {
        await held.close();
      }
    },

    async end([file = '', device = ''], _end, id) {
      Guarding.end(id);
      if (basename(file) !== fileName(id)) return;
      failpoint('snapshot.remove');
      const tracer = await tracerWith(driver, basename(file));
      if (tracer !== null) await control(driver, ['destroy', `${tracer.minor}`]);
      await removeFile(device, file);
    },
  };
}

function fileName(id: string): string {
  return `.strata-${id}.cow`;
}

function isOurs({ cowFile }: Tracer): boolean {
  return /^\.strata-[0-9a-f]{8}\.cow$/.test(basename(cowFile));
}

function readBySomebody({ name, tool }: TracingDriver, { minor }: Tracer): string {
  return `another backup reads a snapshot of it by ${name}, or left it there (${tool} destroy ${minor})`;
}

function isRead({ mode, activity, error }: Tracer): boolean {
  return mode === 'snapshot' && activity === 'active' && error === null;
}

/**
 * Makes the snapshot: the next one of a tracer that rests, or the first of a new one, with the reason. `places` are those
 * of the file before.
 */
async function goOn(
  driver: TracingDriver,
  { source, size: room }: SnapshotWish,
  file: string,
): Promise<Pick<Traced, 'before' | 'anew'> & { readonly places: Extents | null }> {
  const size = source.size ?? 0;
  const words = ['-f', `${Math.ceil((indexEnd(size) + roomFor(size, room)) / mib)}`];
  const tracer = await tracerOf(driver, source.path);
  let anew = `${driver.name} did not follow it`;
  if (tracer !== null) {
    if (!isOurs(tracer) || isRead(tracer)) throw new Error(readBySomebody(driver, tracer));
    const minor = `${tracer.minor}`;
    const old = await findFile(source.path, basename(tracer.cowFile));
    const trouble = old === null ? 'its file is not there' : restTrouble(tracer);
    if (old !== null && trouble === null) {
      const before = { file: old, touched: await touchedAt(old) };
      // Until the snapshot the driver keeps it where it is; then somebody may move it.
      const places = await placesOf(old, size);
      failpoint('snapshot.transition');
      await control(driver, ['transition-to-snapshot', ...words, file, minor]);
      // A device that grew is followed in its old size.
      if ((await sizeAt(snapshotDevice(driver, tracer.minor))) === (await sizeAt(source.path)))
        return { before, anew: null, places };
      anew = 'the device has another size than before';
    } else {
      anew = `${driver.name} cannot go on: ${trouble}`;
    }
    await control(driver, ['destroy', minor]);
  }
  const taken = new Set((await stateOf(driver))?.tracers.map(({ minor }) => minor));
  const free = Array.from({ length: most }, (_, minor) => minor).find((minor) => !taken.has(minor)) ?? 0;
  failpoint('snapshot.setup');
  await control(driver, ['setup-snapshot', ...words, source.path, file, `${free}`]);
  return { before: null, anew, places: [] };
}

function both(some: Extents | null, others: Extents | null): Extents | null {
  return some === null || others === null ? null : union(some, others);
}

/** Why no snapshot can follow; null when one can. */
function restTrouble({ mode, activity, error }: Tracer): string | null {
  if (error !== null) return `it failed (${errorName(error)})`;
  if (mode === 'snapshot') return 'it was left in the middle of a snapshot';
  if (activity === 'active') return null;
  return activity === 'dormant' ? 'its file system was unmounted' : 'the machine was started again';
}

/** What keeps a snapshot from being what it was; null when it is that. */
function troubleOf({ cowFile, mode, activity, error }: Tracer, file: string): string | null {
  if (error === -constants.errno.EFBIG) {
    return 'more was written meanwhile than its file has room for (--snapshot-size)';
  }
  if (error !== null) return `the driver failed (${errorName(error)}; dmesg tells more)`;
  if (basename(cowFile) !== basename(file) || mode !== 'snapshot') return 'somebody else has the driver do something';
  return activity === 'active' ? null : 'its file system was unmounted';
}

function errorName(error: number): string {
  return Object.entries(constants.errno).find(([, number]) => number === -error)?.[0] ?? `${error}`;
}

async function tracerWith(driver: TracingDriver, name: string): Promise<Tracer | null> {
  return (await stateOf(driver))?.tracers.find(({ cowFile }) => basename(cowFile) === name) ?? null;
}

async function sizeAt(path: string): Promise<number> {
  const file = await open(path, 'r');
  try {
    return native.sizeOf(file.fd);
  } finally {
    await file.close();
  }
}
