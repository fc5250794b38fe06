/**
 * What is written to a block device, as the kernel's tracing tells (tracefs): each write when it is queued and again when
 * it is done, so that one that is under way while a place is read is seen after that. Discards count as writes, and so
 * does whatever is not known to be a read. Where events were lost anything may have been written.
 */
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, readFile, realpath, rmdir, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { deviceNumber } from '../../repository/devices.ts';
import { readMounts } from '../../repository/mounts.ts';
import type { Extents } from '../allocation/allocation.ts';
import { extentsOf } from '../allocation/extents.ts';

const sector = 512;
const queued = 'block_bio_queue';
const done = 'block_rq_complete';
/** KiB of the kernel's buffer for each processor. */
const usualRoom = 1024;
/** Runs that are kept before they are joined. */
const mostRuns = 100_000;

/** An event of the block layer. */
export interface BlockEvent {
  readonly name: string;
  /** `major:minor`. */
  readonly device: string;
  readonly isRead: boolean;
  /** Sectors of 512 bytes. */
  readonly sector: number;
  readonly sectors: number;
}

/** A line of trace_pipe; null when it is none of these events. */
export function parseEvent(line: string): BlockEvent | null {
  const form = /^.{16,}? +\[\d+\] \S+ +[\d.]+: (block_\w+): (\d+),(\d+) (\w+) (?:\d+ )?(?:\(.*?\) )?(\d+) \+ (\d+) /;
  const [, name, major, minor, kind = '', at, count] = form.exec(line) ?? [];
  if (name === undefined) return null;
  // A flush may go before.
  const isRead = /^F?R/.test(kind);
  return { name, device: `${major}:${minor}`, isRead, sector: Number(at), sectors: Number(count) };
}

/** Where tracefs is mounted; null when it is not, or has no instances. */
export async function tracingFolder(): Promise<string | null> {
  for (const { source, at } of await readMounts()) {
    if (source !== 'tracefs') continue;
    if ((await stat(join(at, 'instances')).catch(() => null))?.isDirectory()) return at;
  }
  return null;
}

/** Removes an instance of tracing that is there. */
export async function removeInstance(folder: string): Promise<void> {
  await rmdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
}

export class WriteTrace {
  readonly #folder: string;
  readonly #pipe: FileHandle;
  /** The disk, and where on it the device begins. */
  readonly #disk: string;
  readonly #start: number;
  #runs: [number, number][] = [];
  #reads: BlockEvent[] = [];
  #rest = '';
  #lost = false;
  #losses = 0;

  private constructor(folder: string, pipe: FileHandle, disk: string, start: number) {
    this.#folder = folder;
    this.#pipe = pipe;
    this.#disk = disk;
    this.#start = start;
  }

  /** Begins, in an instance of its own that is made at `folder`. */
  static async begin(folder: string, device: string, room = usualRoom): Promise<WriteTrace> {
    const number = await deviceNumber(device);
    const place = await realpath(`/sys/dev/block/${number}`);
    const start = await textOf(join(place, 'start'));
    const isPartition = (await textOf(join(place, 'partition'))) !== null;
    const disk = isPartition ? ((await textOf(join(dirname(place), 'dev'))) ?? number) : number;
    await mkdir(folder);
    await writeFile(join(folder, 'buffer_size_kb'), `${room}`);
    const [major = 0, minor = 0] = disk.split(':').map(Number);
    for (const event of [queued, done]) {
      const at = join(folder, 'events/block', event);
      await writeFile(join(at, 'filter'), `dev == ${major * 2 ** 20 + minor}`);
      await writeFile(join(at, 'enable'), '1');
    }
    const pipe = await open(join(folder, 'trace_pipe'), constants.O_RDONLY | constants.O_NONBLOCK);
    return new WriteTrace(folder, pipe, disk, isPartition ? Number(start ?? 0) : 0);
  }

  /** Whether a read that `act` makes at an offset of the device is told of: then writes are, too. */
  async shows(offset: number, act: () => Promise<unknown>): Promise<boolean> {
    await this.drain();
    this.#reads = [];
    await act();
    const at = this.#start + offset / sector;
    const told = (event: string) =>
      this.#reads.some(({ name, sector: from, sectors }) => name === event && from <= at && at < from + sectors);
    for (let patience = 50; patience > 0; patience--) {
      await this.drain();
      if (told(queued) && told(done)) return true;
      await pause(10);
    }
    return false;
  }

  /** What was written since this was asked last, in bytes of the device; null when nobody can tell. */
  async take(): Promise<Extents | null> {
    await this.drain();
    const losses = await this.#countLosses();
    const lost = this.#lost || this.#rest !== '' || losses !== this.#losses;
    const runs = this.#runs;
    this.#runs = [];
    this.#lost = false;
    this.#losses = losses;
    return lost ? null : extentsOf(runs);
  }

  /** Takes what is told out of the kernel's buffer, before that is full. */
  async drain(): Promise<void> {
    const buffer = Buffer.alloc(65536);
    for (;;) {
      const bytesRead = await this.#pipe.read(buffer, 0, buffer.length, null).then(
        (read) => read.bytesRead,
        (error: NodeJS.ErrnoException) => {
          if (error.code === 'EAGAIN') return 0;
          throw error;
        },
      );
      if (bytesRead === 0) return;
      const lines = (this.#rest + buffer.toString('latin1', 0, bytesRead)).split('\n');
      this.#rest = lines.pop() ?? '';
      for (const line of lines) this.#note(line);
    }
  }

  async end(): Promise<void> {
    await this.#pipe.close();
    await removeInstance(this.#folder);
  }

  #note(line: string): void {
    const event = parseEvent(line);
    if (event === null) {
      this.#lost = true;
      return;
    }
    if (event.device !== this.#disk) return;
    if (event.isRead) {
      this.#reads = [...this.#reads.slice(-99), event];
      return;
    }
    const offset = (event.sector - this.#start) * sector;
    const from = Math.max(0, offset);
    const length = offset + event.sectors * sector - from;
    if (length > 0) this.#runs.push([from, length]);
    if (this.#runs.length > mostRuns) this.#runs = extentsOf(this.#runs).map(([at, count]) => [at, count]);
  }

  async #countLosses(): Promise<number> {
    let losses = 0;
    const folder = join(this.#folder, 'per_cpu');
    for (const cpu of await readdir(folder)) {
      const text = await readFile(join(folder, cpu, 'stats'), 'utf8');
      for (const [, count] of text.matchAll(/^(?:overrun|commit overrun|dropped events): (\d+)$/gm))
        losses += Number(count);
    }
    return losses;
  }
}

async function textOf(path: string): Promise<string | null> {
  return (await readFile(path, 'utf8').catch(() => null))?.trim() ?? null;
}
