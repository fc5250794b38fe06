import { setImmediate as nextTurn } from 'node:timers/promises';
import { fail } from '../../../../src/errors.ts';
import type { BlockTarget, Run } from '../../../../src/mount/nbd/block-target.ts';

const granule = 4096;

/** A disk in memory. It knows its zeros by granules, ends its work in any order, and can be told to fail. */
export class MemoryTarget implements BlockTarget {
  readonly bytes: Buffer;
  readonly readOnly: boolean;
  /** Every call as `name offset length`. */
  readonly calls: string[] = [];
  /** Turns of the event loop that the next call takes. */
  turns: () => number = () => 0;
  /** Calls that touch this range fail. */
  broken: { readonly from: number; readonly to: number } | null = null;
  failure: Error = fail('FRAME_DAMAGED', { path: '/repo/packs/secret', reason: 'test' });

  constructor(bytes: Buffer, options: { readonly readOnly?: boolean } = {}) {
    this.bytes = bytes;
    this.readOnly = options.readOnly ?? false;
  }

  get size(): number {
    return this.bytes.length;
  }

  /** Into the buffer for it every other time. */
  read(offset: number, length: number, into: Buffer): Promise<Buffer> {
    return this.#call('read', offset, length, () => {
      const given = this.calls.length % 2 === 0 ? into : Buffer.alloc(length);
      this.bytes.copy(given, 0, offset);
      return given;
    });
  }

  extents(offset: number, length: number, limit: number): Promise<Run[]> {
    return this.#call('extents', offset, length, () => this.#runs(offset, offset + length, limit));
  }

  write(offset: number, bytes: Buffer): Promise<void> {
    return this.#call('write', offset, bytes.length, () => void bytes.copy(this.bytes, offset));
  }

  zero(offset: number, length: number): Promise<void> {
    return this.#call('zero', offset, length, () => void this.bytes.fill(0, offset, offset + length));
  }

  flush(): Promise<void> {
    return this.#call('flush', 0, 0, () => {});
  }

  async #call<Result>(name: string, offset: number, length: number, act: () => Result): Promise<Result> {
    this.calls.push(`${name} ${offset} ${length}`);
    for (let left = this.turns(); left > 0; left--) await nextTurn();
    // Where zeros are is known without reading.
    const { broken } = this;
    if (name !== 'extents' && broken !== null && offset < broken.to && offset + length > broken.from) {
      throw this.failure;
    }
    return act();
  }

  #runs(offset: number, end: number, limit: number): Run[] {
    const runs: { length: number; kind: Run['kind'] }[] = [];
    for (let at = offset; at < end; ) {
      const next = Math.min(end, (Math.floor(at / granule) + 1) * granule);
      const kind = isZero(this.bytes.subarray(at, next)) ? 'zeros' : 'data';
      const last = runs.at(-1);
      if (last?.kind === kind) last.length += next - at;
      else if (runs.length === limit) return runs;
      else runs.push({ length: next - at, kind });
      at = next;
    }
    return runs;
  }
}

const zeros = Buffer.alloc(granule);

function isZero(bytes: Buffer): boolean {
  return bytes.equals(zeros.subarray(0, bytes.length));
}

/** An image by granules of 4 KiB: `r` something, `.` zeros; each `r` other than the ones before. */
export function image(shape: string, tail = 0): Buffer {
  const bytes = Buffer.alloc(shape.length * granule - tail);
  for (const [at, kind] of [...shape].entries()) {
    if (kind === 'r') bytes.fill(`granule ${at} of data, `, at * granule, Math.min((at + 1) * granule, bytes.length));
  }
  return bytes;
}
