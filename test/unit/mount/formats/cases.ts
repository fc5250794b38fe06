/** The disks that every format is tried with. */
import { type DiskRequest, gib, mib } from './disks.ts';

/** Small and odd ones, and one with holes larger than any table covers. */
export const sizes: readonly number[] = [
  1,
  511,
  512,
  513,
  64 * 1024,
  mib,
  mib + 1,
  mib + 512,
  3 * mib - 4096,
  70 * mib + 3 * 512,
  5 * gib + 7 * 512,
];

export function requestOf(size: number, n: number): DiskRequest {
  return { seed: 1000 + n, size, extents: 60 };
}
