/**
 * Copies of ranges of packs on the local disk. It can be deleted at any time, and is shared by all processes of a user.
 *
 * A pack has a file with holes: a slot for each chunk of 128 KiB, which begins with the length of what it holds and its CRC-32, and is written
 * by one call. A slot that is not there reads as zeros; one that was torn, or lost with the power, does not fit its sum: both are as good as not
 * there, so nothing is synced. Two that write a slot write the same. What fits its sum and is wrong all the same the addon finds when it opens
 * a frame; it asks for the range past all copies then, and what comes takes its place.
 */
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import { reasonOf } from '../../errors.ts';
import type { Warning } from '../events.ts';
import type { CacheRoom } from './cache-room.ts';

/** As the addon asks for them (native/core/remote.h). */
export const chunkBytes = 128 * 1024;
const headBytes = 8;
const slotBytes = headBytes + chunkBytes;
/** Of what waits to be written; what comes while so much does is not kept, for nobody is to wait for this disk. */
const mostWaiting = 64 * 1024 ** 2;

/** A part of what was asked for, in bytes from its beginning. */
export interface Gap {
  readonly from: number;
  readonly until: number;
}

export interface Filled {
  /** What is not kept, in whole chunks. */
  readonly gaps: readonly Gap[];
  /** Where the object ends within what was asked for, if it is known to. */
  readonly end: number | null;
}

export class RangeCache {
  readonly #room: CacheRoom;
  readonly #warn: (warning: Warning) => void;
  #waiting = 0;
  #usable = true;
  #last: Promise<void> = Promise.resolve();

  /** `warn` is told once when nothing can be kept. */
  constructor(room: CacheRoom, warn: (warning: Warning) => void) {
    this.#room = room;
    this.#warn = warn;
  }

  /** Fills in what is kept of the chunks of an object from `offset` on. */
  async fill(name: string, offset: number, into: Buffer): Promise<Filled> {
    const file = await open(this.#room.pathOf(name), 'r').catch(() => null);
    if (file === null) return { gaps: [{ from: 0, until: into.length }], end: null };
    try {
      const slots = slotsOf(into);
      await file.readv(slots.flat(), (offset / chunkBytes) * slotBytes);
      void this.#room.used(name);
      return sorted(slots, into.length);
    } catch {
      return { gaps: [{ from: 0, until: into.length }], end: null };
    } finally {
      await file.close();
    }
  }

  /** Has chunks of an object kept, without waiting for it; the last one is shorter where the object ends. */
  keep(name: string, offset: number, bytes: Buffer): void {
    if (!this.#usable || bytes.length === 0 || this.#waiting + bytes.length > mostWaiting) return;
    this.#waiting += bytes.length;
    this.#last = this.#last
      .then(() => (this.#usable ? this.#write(name, offset, bytes) : undefined))
      .catch((error: unknown) => this.#giveUp(error))
      .finally(() => {
        this.#waiting -= bytes.length;
      });
  }

  /** Waits for what is being written. */
  settled(): Promise<void> {
    return this.#last;
  }

  async #write(name: string, offset: number, bytes: Buffer): Promise<void> {
    const slots = slotsOf(bytes);
    for (const [head, content] of slots) {
      head.writeUInt32LE(content.length, 0);
      head.writeUInt32LE(crc32(content), 4);
    }
    const file = await openToWrite(this.#room.pathOf(name));
    try {
      const { bytesWritten } = await file.writev(slots.flat(), (offset / chunkBytes) * slotBytes);
      if (bytesWritten < bytes.length + slots.length * headBytes) throw new Error('no space left');
    } finally {
      await file.close();
    }
    await this.#room.grown(name, bytes.length);
  }

  #giveUp(error: unknown): void {
    this.#usable = false;
    const message = `what is read is not kept in ${this.#room.folder}: ${reasonOf(error)}`;
    this.#warn({ code: 'CACHE_UNUSABLE', message });
  }
}

/** The folder may have been deleted. */
async function openToWrite(path: string): Promise<FileHandle> {
  const flags = constants.O_WRONLY | constants.O_CREAT;
  try {
    return await open(path, flags, 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    return open(path, flags, 0o600);
  }
}

/** The head and the content of each slot. */
function slotsOf(bytes: Buffer): [Buffer, Buffer][] {
  const count = Math.ceil(bytes.length / chunkBytes);
  const heads = Buffer.alloc(count * headBytes);
  return Array.from({ length: count }, (_, n) => [
    heads.subarray(n * headBytes, (n + 1) * headBytes),
    bytes.subarray(n * chunkBytes, (n + 1) * chunkBytes),
  ]);
}

/** What was read: which slots hold what they say. */
function sorted(slots: readonly [Buffer, Buffer][], length: number): Filled {
  const gaps: { from: number; until: number }[] = [];
  for (const [n, [head, content]] of slots.entries()) {
    const from = n * chunkBytes;
    const bytes = head.readUInt32LE(0);
    if (bytes === 0 || bytes > content.length || crc32(content.subarray(0, bytes)) !== head.readUInt32LE(4)) {
      const last = gaps.at(-1);
      if (last?.until === from) last.until = from + content.length;
      else gaps.push({ from, until: from + content.length });
    } else if (bytes < content.length) {
      return { gaps, end: from + bytes };
    }
  }
  return { gaps, end: gaps.at(-1)?.until === length ? null : length };
}
