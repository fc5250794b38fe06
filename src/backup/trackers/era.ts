/**
 * A device of the kernel's target `era`, which somebody has set over another one: it counts eras, and remembers in which
 * of them each block was written last. Each point names the era that began before it was read; what was not written in it
 * or later did not change.
 *
 * That holds only as long as everything that was written went through the device. So it must be the same activation of
 * it, with the same table: what is removed and set up again, or started again with the machine, may have been written to
 * without it meanwhile, or begin to count anew.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, readlink } from 'node:fs/promises';
import { basename } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { reasonOf } from '../../errors.ts';
import { native } from '../../native.ts';
import { deviceNumber } from '../../repository/devices.ts';
import { failpoint } from '../../repository/failpoint.ts';
import { thisProcess } from '../../repository/here.ts';
import type { Manifest } from '../../repository/manifest.ts';
import type { Extents } from '../allocation/allocation.ts';
import { bytesIn, clip, complement } from '../allocation/extents.ts';
import { runCommand } from '../command.ts';
import { eraStatus, sendMessage, statusOf } from '../snapshots/device-mapper.ts';
import { metadataBlock, writtenSince } from './era-metadata.ts';
import type { Changes, Tracker } from './tracker.ts';

const sector = 512;
const limit = 60_000;
/** What was under way when an era began is done after so many milliseconds, or it is not waited for. */
const patience = 10_000;
const form = /^0 (\d{1,15}) era (\d+:\d+) (\d+:\d+) (\d{1,10})$/;

/** Holds the metadata until its input ends, which is also when this process is killed. */
const guard = `dmsetup message "$1" 0 take_metadata_snap || exit; echo held; cat > /dev/null
dmsetup message "$1" 0 drop_metadata_snap`;

interface EraDevice {
  /** Of device-mapper. */
  readonly name: string;
  /** `major:minor`. */
  readonly number: string;
  /** What its metadata lies on. */
  readonly metadata: string;
  /** Bytes of a block. */
  readonly block: number;
  /** Blocks. */
  readonly count: number;
  /** This activation of the device and no other. */
  readonly identity: string;
}

export const eraTracker: Tracker = {
  name: 'dm-era',
  // Of what is given back in one piece it notes the first block only.
  missesDiscards: true,
  leavesSnapshot: true,

  async since({ tracking, size: parentSize }: Manifest, { view }): Promise<Changes> {
    try {
      const kept = eraOf(tracking?.kept?.generation);
      if (kept === null) return { unknown: 'the parent names no era' };
      const device = await eraDeviceAt(view.path);
      if (device === null) return { unknown: 'it is no dm-era device any more' };
      if (device.identity !== kept.identity) return { unknown: 'the dm-era device was set up anew since the parent' };
      const status = eraStatus(await statusOf(device.name));
      if (status === null) return { unknown: `${device.name} does not say how it is` };
      if (status.held !== null) {
        return {
          unknown: `another program holds the metadata of ${device.name} (dmsetup message ${device.name} 0 drop_metadata_snap)`,
        };
      }
      // It counts the one of this run, too.
      if (status.era <= kept.era) return { unknown: `${device.name} counts anew since the parent` };
      const changed = await whileHeld(device, (held) => changedSince(device, held, kept.era));
      const size = Math.min(parentSize, view.size ?? 0);
      return { unchanged: complement(changed, size), changedBytes: bytesIn(clip(changed, 0, size)) };
    } catch (error) {
      return { unknown: reasonOf(error) };
    }
  },

  async keeps({ view }) {
    // What no era can be named of is read as a whole the next time: no reason not to back it up now.
    const generation = await newEra(view.path).catch(() => null);
    return generation === null ? null : { path: view.path, generation };
  },
};

/** Whether a source is one. */
export async function isEraDevice(path: string): Promise<boolean> {
  return (await eraDeviceAt(path).catch(() => null)) !== null;
}

/** Begins one; gives what tells it from all others, null when it is not certain to be in time. */
async function newEra(path: string): Promise<string | null> {
  const device = await eraDeviceAt(path);
  if (device === null) return null;
  await sendMessage(device.name, 'checkpoint');
  if (!(await isWrittenOut(device))) return null;
  const status = eraStatus(await statusOf(device.name));
  return status === null ? null : `${device.identity} ${status.era}`;
}

/** Does something while a snapshot of the metadata is held, which lies at a block of it. */
async function whileHeld<Result>({ name }: EraDevice, work: (held: number) => Promise<Result>): Promise<Result> {
  const env = { ...process.env, PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin` };
  const holder = spawn('sh', ['-c', guard, 'sh', name], { env, stdio: ['pipe', 'pipe', 'ignore'], detached: true });
  holder.stdin.on('error', () => undefined);
  const ended = once(holder, 'close');
  try {
    const [said] = await Promise.race([once(holder.stdout, 'data'), ended]);
    const status = Buffer.isBuffer(said) ? eraStatus(await statusOf(name)) : null;
    if (status?.held == null) throw new Error(`the metadata of ${name} cannot be held still`);
    failpoint('tracker.held');
    return await work(status.held);
  } finally {
    holder.stdin.end();
    await ended;
  }
}

async function changedSince({ metadata, block, count }: EraDevice, held: number, era: number): Promise<Extents> {
  const path = `/dev/${basename(await readlink(`/sys/dev/block/${metadata}`))}`;
  const size = Number(await readFile(`/sys/dev/block/${metadata}/size`, 'utf8')) * sector;
  // Past the cache: the kernel writes it past that, too.
  const reader = native.openSource({ source: path, kind: 'device', size });
  try {
    const read = (number: number) =>
      native.readSource(reader, { offset: number * metadataBlock, length: metadataBlock });
    return await writtenSince(read, held, era, { block, count });
  } finally {
    native.closeSource(reader);
  }
}

/**
 * Whether all that was under way when the era began is done: it was noted in the one before, and may have landed after
 * the reading began. When nothing is under way for a moment, then that is not, either.
 */
async function isWrittenOut({ number }: EraDevice): Promise<boolean> {
  let quiet = 0;
  for (const until = performance.now() + patience; performance.now() < until; await pause(20)) {
    const [, writes] = (await readFile(`/sys/dev/block/${number}/inflight`, 'utf8')).trim().split(/\s+/);
    quiet = writes === '0' ? quiet + 1 : 0;
    // The kernel counts on each processor for itself, and adds up while they go on.
    if (quiet === 3) return true;
  }
  return false;
}

async function eraDeviceAt(path: string): Promise<EraDevice | null> {
  const number = await deviceNumber(path);
  const folder = `/sys/dev/block/${number}`;
  const name = (await readFile(`${folder}/dm/name`, 'utf8').catch(() => '')).trim();
  if (name === '') return null;
  const { code, stdout } = await runCommand('dmsetup', ['table', name], { limit });
  const [table = '', length, metadata = '', , sectors] = form.exec(stdout.trim()) ?? [];
  if (code !== 0 || table === '') return null;
  // Linux 5.15 and newer: no two devices of one start of the machine have the same.
  const sequence = (await readFile(`${folder}/diskseq`, 'utf8')).trim();
  const count = Math.ceil(Number(length) / Number(sectors));
  const identity = `${thisProcess().bootId} ${sequence} ${table.replaceAll(' ', '/')}`;
  return { name, number, metadata, block: Number(sectors) * sector, count, identity };
}

function eraOf(generation: string | undefined): { readonly identity: string; readonly era: number } | null {
  const [, identity, era] = /^(\S+ \d+ \S+) (\d{1,15})$/.exec(generation ?? '') ?? [];
  return identity === undefined ? null : { identity, era: Number(era) };
}
