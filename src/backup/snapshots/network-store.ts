/**
 * Room on another machine for what is overwritten while a snapshot is read: an export of any NBD server, to which the
 * kernel itself connects (nbd-client), so that it is there whatever becomes of this process.
 *
 * snapshot → crypt (`strata-ID-store`) → writecache (`strata-ID-buffer`, when there is a file for it) → the export
 * (`strata-ID-export`). What goes over the network is encrypted with a key that only the kernel has. The buffer takes
 * writes at once, sends them on at once, and is free for others then; reads come from wherever the block is. A network
 * that is slower than what is overwritten shows in a buffer that gets full, and ends the run before anybody has to wait.
 *
 * Whoever writes to the source waits until the old content is stored, so a server that is silent must not be waited for
 * long: the kernel gives a request up after `limit`. Then the snapshot is void, and the source goes on.
 */
import { readlink } from 'node:fs/promises';
import { basename } from 'node:path';
import { fail, type StrataError } from '../../errors.ts';
import { runCommand } from '../command.ts';
import { type NbdUri, parseNbdUri } from '../nbd/uri.ts';
import { statusOf, writecacheStatus } from './device-mapper.ts';
import { inMib, type Room } from './filling.ts';
import { claim, markSize, markTrouble, unclaim } from './store-mark.ts';

const sector = 512;
/** Sectors of a block of the buffer. */
const block = 8;
/** Shares of the buffer. */
const [fullFrom, idleBelow] = [7 / 8, 1 / 8];
/** Milliseconds that the end of a run waits for a server that has lost its purpose. */
const patience = 10_000;
const commandLimit = 120_000;
const connectLimit = 30_000;

/** Gives the sectors of the export, in whole blocks. What it made is found again by the device, which comes at once. */
const connect = `name=$1; shift; number=0
[ -e /sys/module/nbd ] || modprobe nbd 2> /dev/null
while :; do
  while [ -e "/sys/block/nbd$number/pid" ]; do number=$((number + 1)); done
  device=/dev/nbd$number
  said=$(nbd-client "$@" "$device" 2>&1) && break
  # Somebody else may have been quicker.
  [ -e "/sys/block/nbd$number/pid" ] || { echo "$said" | grep -v -e '^Exiting' -e '^Negotiation' >&2; exit 1; }
done
sectors=$(($(blockdev --getsz "$device") / ${block} * ${block}))
dmsetup create "$name" --table "0 $sectors linear $device 0" || { nbd-client -d "$device"; exit 1; }
echo "$sectors"`;
/** The key is in nobody's list of arguments. */
const encrypt = `key=$(od -A n -v -t x1 -N 64 /dev/urandom | tr -d ' \\n') &&
printf '0 %s crypt aes-xts-plain64 %s 0 %s ${markSize / sector}\\n' "$2" "$key" "$3" | dmsetup create "$1"`;
/** It sends on what it has as soon as it has it, but not so much at once that nothing else is answered. */
const buffering = 'high_watermark 1 low_watermark 0 writeback_jobs 256 autocommit_blocks 1024 autocommit_time 200';

export interface StoreOrder {
  /** Of the snapshot. */
  readonly id: string;
  readonly uri: NbdUri;
  /** The device of the buffer; null: there is none. */
  readonly buffer: string | null;
  /** Milliseconds that a writer waits for the server. */
  readonly limit: number;
}

/** An export that is to take what is overwritten: USAGE when it cannot be one. */
export function storeAt(text: string): NbdUri {
  const uri = parseNbdUri(text);
  const refuse = (problem: string) => fail('USAGE', { problem });
  if (uri.tls) throw refuse('--snapshot-store takes nbd:// or nbd+unix://: what goes there is encrypted without TLS');
  if (uri.host.startsWith('-')) throw refuse(`${uri.host} is no host`);
  return uri;
}

/** Why this machine can connect to none; null when it seems that it can. */
export async function storeObstacle(): Promise<string | null> {
  const { code } = await runCommand('nbd-client', ['-V'], { limit: patience });
  return code === 0 ? null : 'the command nbd-client is missing (apt-get install nbd-client)';
}

/** Connects to an export; gives the device that is the room of the snapshot. What was made until an error is ended by `closeStore`. */
export async function openStore({ id, uri, buffer, limit }: StoreOrder): Promise<string> {
  const { far, near, top } = devicesOf(id);
  const at = uri.socket === null ? [uri.host, `${uri.port}`] : ['-unix', uri.socket];
  const name = uri.name === '' ? [] : ['-N', uri.name];
  const words = [...name, '-t', `${Math.ceil(limit / 1000)}`, '-b', `${sector}`, ...at];
  const sectors = Number(await act(uri, 'sh', ['-c', connect, 'sh', far, ...words], 'modprobe nbd', connectLimit));
  if (sectors <= markSize / sector) throw broken(uri, 'it has no room');
  const atWork = async (other: string) => (await statusOf(devicesOf(other).far)) !== null;
  const trouble = await claim(pathOf(far), id, limit, atWork);
  if (trouble !== null) throw broken(uri, trouble);
  if (buffer !== null) {
    const options = `${buffering.split(' ').length} ${buffering}`;
    const table = `0 ${sectors} writecache s ${pathOf(far)} ${buffer} ${block * sector} ${options}`;
    await act(uri, 'dmsetup', ['create', near, '--table', table], 'modprobe dm-writecache');
  }
  const below = pathOf(buffer === null ? far : near);
  await act(uri, 'sh', ['-c', encrypt, 'sh', top, `${sectors - markSize / sector}`, below], 'modprobe dm-crypt');
  return pathOf(top);
}

/** Looks after the store of a snapshot while that is read. */
export class StoreWatch {
  readonly #order: StoreOrder;
  /** Since when the buffer has been in use without a rest, and what was stored then. */
  #since: Standing | null = null;
  #wasFull = false;

  constructor(order: StoreOrder) {
    this.#order = order;
  }

  /**
   * What keeps it from being the room of the snapshot of `path`, or from staying it; null: nothing. `room` is how full
   * that is; `seconds` are of any clock.
   */
  async trouble(path: string, room: Room | null, seconds: number): Promise<string | StrataError | null> {
    const { id, uri, buffer, limit } = this.#order;
    const { far, near } = devicesOf(id);
    // The kernel gives up first, and says why.
    const trouble = await markTrouble(pathOf(far), id, limit + patience);
    if (trouble !== null) {
      // Whoever waits for it waits for nothing.
      await disconnect(id);
      return `the store ${uri.path}: ${trouble}`;
    }
    if (buffer === null) return null;
    const status = writecacheStatus(await statusOf(near));
    if (status === null) return `the buffer before the store ${uri.path} does not say how it is`;
    if (status.error !== 0) return `the store ${uri.path} cannot be written (error ${status.error})`;
    if (room === null) return null;
    const total = status.blocks * block * sector;
    const outpaced = this.#outpaced(
      { seconds, stored: room.used, waiting: (status.blocks - status.free) * block * sector },
      total,
    );
    return outpaced === null ? null : fail('SNAPSHOT_OUTPACED', { path, reason: outpaced });
  }

  /** Somebody may write a great deal for a moment: it must be full twice. */
  #outpaced(now: Standing, total: number): string | null {
    const isFull = now.waiting >= total * fullFrom;
    const before = this.#since;
    if (before === null || now.waiting < total * idleBelow) this.#since = now;
    const lasts = isFull && this.#wasFull;
    this.#wasFull = isFull;
    if (!lasts || before === null) return null;
    const time = now.seconds - before.seconds;
    const [comes, stays] = [now.stored - before.stored, now.waiting - before.waiting].map((bytes) => bytes / time);
    return (
      `the network to ${this.#order.uri.path} is too slow: it took ${inMib(Math.max(0, (comes ?? 0) - (stays ?? 0)))} of the ` +
      `${inMib(comes ?? 0)} that were overwritten each second, and the buffer of ${inMib(total)} is full`
    );
  }
}

/** In bytes: what was overwritten until now, and what of it waits in the buffer. */
interface Standing {
  readonly seconds: number;
  readonly stored: number;
  readonly waiting: number;
}

/** The server is not needed any more; `wasRead`: it has served its purpose, and may forget what it has. */
export async function closeStore(id: string, wasRead: boolean): Promise<void> {
  const { far } = devicesOf(id);
  if ((await nbdBehind(id)) === null) return;
  if (wasRead) {
    // Many servers cannot: then it stays until it is written over.
    await runCommand('blkdiscard', ['--offset', `${markSize}`, pathOf(far)], { limit: patience });
  }
  await unclaim(pathOf(far), id, patience);
  await disconnect(id);
}

/** The devices of a store, the one on top first; `far` is the export itself. */
export function storeDevices(id: string): { readonly layers: readonly string[]; readonly far: string } {
  const { far, near, top } = devicesOf(id);
  return { layers: [top, near], far };
}

function devicesOf(id: string) {
  return { far: `strata-${id}-export`, near: `strata-${id}-buffer`, top: `strata-${id}-store` };
}

function pathOf(device: string): string {
  return `/dev/mapper/${device}`;
}

/** All that is under way fails at once. */
async function disconnect(id: string): Promise<void> {
  const device = await nbdBehind(id);
  if (device !== null) await runCommand('nbd-client', ['-d', `/dev/${device}`], { limit: patience });
}

/** The kernel's name of the connection; null when there is none, or none any more. */
async function nbdBehind(id: string): Promise<string | null> {
  const { code, stdout } = await runCommand('dmsetup', ['table', devicesOf(id).far], { limit: commandLimit });
  const [, number] = /^0 \d+ linear (\d+:\d+) 0$/.exec(stdout.trim()) ?? [];
  if (code !== 0 || number === undefined) return null;
  const device = await readlink(`/sys/dev/block/${number}`).catch(() => null);
  return device === null ? null : basename(device);
}

/** `needs` is what may be missing when it fails for no other reason. */
async function act(
  uri: NbdUri,
  program: string,
  words: readonly string[],
  needs: string,
  limit = commandLimit,
): Promise<string> {
  const { code, stdout, trouble } = await runCommand(program, words, { limit });
  if (code === 0) return stdout.trim();
  throw broken(uri, /ioctl on|nbd netlink/.test(trouble) ? `${trouble} (${needs})` : trouble);
}

function broken({ path }: NbdUri, reason: string): StrataError {
  return fail('IO', { what: `the store ${path} cannot be used`, reason });
}
