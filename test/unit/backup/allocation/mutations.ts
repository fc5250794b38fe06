/** Changes to an image that are taken back, so that thousands of them need no copies. */
import type { Random } from '../../../model/random.ts';

const block = 1024;

/** Does `work` while the block of 1 KiB in which `at` lies is changed in some way. */
export async function whileChanged<Result>(
  bytes: Buffer,
  at: number,
  change: (bytes: Buffer, at: number) => void,
  work: () => Promise<Result>,
): Promise<Result> {
  const start = Math.floor(at / block) * block;
  const part = bytes.subarray(start, start + block);
  const before = Buffer.from(part);
  change(part, at - start);
  try {
    return await work();
  } finally {
    before.copy(part);
  }
}

export function flipBit(random: Random): (bytes: Buffer, at: number) => void {
  return (bytes, at) => {
    bytes[at] = (bytes[at] as number) ^ (1 << random.below(8));
  };
}

/** A bit, a byte, a number, some bytes, or all of the block. */
export function changeAnyhow(random: Random): (bytes: Buffer, at: number) => void {
  return (bytes, at) => {
    const kind = random.below(6);
    if (kind === 0) flipBit(random)(bytes, at);
    if (kind === 1) bytes[at] = random.below(256);
    if (kind === 2) bytes.writeUInt32LE(random.below(2 ** 32), Math.min(at - (at % 4), bytes.length - 4));
    if (kind === 3) bytes.writeUInt16LE(random.below(2 ** 16), Math.min(at - (at % 2), bytes.length - 2));
    if (kind === 4) bytes.fill(random.below(2) * 255, at, Math.min(at + 1 + random.below(64), bytes.length));
    if (kind === 5) bytes.fill(0);
  };
}
