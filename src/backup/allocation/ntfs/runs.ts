/** Runs of clusters, as NTFS lists them: each a length and a distance from the one before, in as few bytes as they need. */
import type { Extents } from '../allocation.ts';
import { demand } from '../distrust.ts';
import { extentsOf } from '../extents.ts';
import type { Fields } from '../fields.ts';
import type { Volume } from '../volume.ts';

export interface Run {
  /** First cluster; null: nothing is stored, it reads as zeros. */
  readonly at: number | null;
  /** Clusters. */
  readonly count: number;
}

/** More bytes do not come in numbers below 2^47, which are enough for every volume. */
const mostBytes = 6;

/** Decodes the list; runs must lie within `clusters`. */
export function decodeRuns(list: Fields, clusters: number): Run[] {
  const runs: Run[] = [];
  let last = 0;
  for (let at = 0; list.u8(at) !== 0; ) {
    const [countBytes, distanceBytes] = [list.u8(at) & 0xf, list.u8(at) >> 4];
    demand(countBytes >= 1 && countBytes <= mostBytes && distanceBytes <= mostBytes, `${list.what} has damaged runs`);
    const count = list.slice(at + 1, countBytes).readIntLE(0, countBytes);
    demand(count > 0, `${list.what} has a run of ${count} clusters`);
    at += 1 + countBytes;
    if (distanceBytes === 0) runs.push({ at: null, count });
    else {
      last += list.slice(at, distanceBytes).readIntLE(0, distanceBytes);
      demand(last >= 0 && last + count <= clusters, `${list.what} has a run outside the volume`);
      runs.push({ at: last, count });
    }
    at += distanceBytes;
  }
  return runs;
}

/** Where the clusters of runs lie, in bytes. */
export function extentsOfRuns(runs: readonly Run[], clusterSize: number): Extents {
  return extentsOf(runs.flatMap(({ at, count }) => (at === null ? [] : [[at * clusterSize, count * clusterSize]])));
}

/** Reads `length` bytes at `offset` of what lies in runs, none of them left out. */
export async function readRuns(
  volume: Volume,
  runs: readonly Run[],
  clusterSize: number,
  offset: number,
  length: number,
): Promise<Buffer> {
  const parts: Buffer[] = [];
  let start = 0;
  let missing = length;
  for (const { at, count } of runs) {
    const end = start + count * clusterSize;
    const from = Math.max(start, offset);
    const bytes = Math.min(end, offset + length) - from;
    if (bytes > 0) {
      demand(at !== null, 'one of its own tables has a hole');
      parts.push(await volume.read(at * clusterSize + from - start, bytes));
      missing -= bytes;
    }
    start = end;
  }
  demand(missing === 0, 'one of its own tables is shorter than it says');
  return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
}
