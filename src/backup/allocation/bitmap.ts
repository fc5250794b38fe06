/** Reading bitmaps of allocation: bit 0 is the lowest of the first byte, set means used. */
import { Distrust } from './distrust.ts';

export interface Bits {
  readonly bytes: Buffer;
  /** How many of them count. */
  readonly count: number;
  /** Bytes of the volume that a bit stands for, and where those of the first begin. */
  readonly unit: number;
  readonly offset: number;
}

/** Takes runs in ascending order. */
export interface ExtentSink {
  add(offset: number, length: number): void;
}

/** Adds the extents of set bits to `into`, and returns how many bits are set. */
export function addSetBits({ bytes, count, unit, offset }: Bits, into: ExtentSink): number {
  if (count > bytes.length * 8) throw new Distrust(`a bitmap of ${bytes.length} bytes has less than ${count} bits`);
  let set = 0;
  for (let at = runEnd(bytes, 0, count, false); at < count; ) {
    const end = runEnd(bytes, at, count, true);
    into.add(offset + at * unit, (end - at) * unit);
    set += end - at;
    at = runEnd(bytes, end, count, false);
  }
  return set;
}

/** Where the run of bits like `set` ends that begins at `from`; whole bytes of it are passed at once. */
function runEnd(bytes: Buffer, from: number, count: number, set: boolean): number {
  const whole = set ? 0xff : 0;
  for (let at = from; at < count; ) {
    const byte = bytes[at >>> 3] as number;
    if ((at & 7) === 0 && byte === whole) {
      at += 8;
      continue;
    }
    if (((byte >>> (at & 7)) & 1) !== (set ? 1 : 0)) return at;
    at++;
  }
  return count;
}
