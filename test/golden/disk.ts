/** The disk of the golden repositories, as it was at each of their three points. */
import { makeBytes } from '../model/bytes.ts';

const block = 65536;

/** What makes a block that compresses well, one that does not, and one in between. */
function text(seed: number): Buffer {
  return Buffer.alloc(block, `block ${seed} of a golden disk\n`);
}

/**
 * Contents at points 0, 1 and 2. 0: text, an incompressible block, a hole, text, and a last block that is not whole.
 * 1: a block became zero, one is a copy of another, one is new. 2: the disk grew.
 */
export function goldenDisk(point: 0 | 1 | 2): Buffer {
  const disk = Buffer.concat([text(0), makeBytes(block, 7), Buffer.alloc(block), text(3), text(4).subarray(0, 1536)]);
  if (point === 0) return disk;
  disk.fill(0, 0, block);
  text(3).copy(disk, 2 * block);
  text(30).copy(disk, 3 * block);
  return point === 1 ? disk : Buffer.concat([disk, Buffer.alloc(2 * block), text(7)]);
}

export const goldenPassphrase = 'golden, format 1';
