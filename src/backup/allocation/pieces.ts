/** Reading many small pieces of a volume, tree blocks for the most part, in few large reads. */
import { concurrently } from '../../repository/concurrently.ts';
import type { Volume } from './volume.ts';

/** Pieces held at once, in bytes; how much is read with one read; the gap that is read along rather than left out; reads in flight. */
const batchBytes = 8 * 1024 * 1024;
const mostAtOnce = 2 * 1024 * 1024;
const gapReadAlong = 64 * 1024;
const readsAtOnce = 8;

/** The pieces of `size` bytes at these places, in the order of the places. */
export async function* piecesAt(volume: Volume, places: readonly number[], size: number): AsyncGenerator<Buffer> {
  const batch = Math.max(1, Math.floor(batchBytes / size));
  for (let from = 0; from < places.length; from += batch) {
    const wanted = places.slice(from, from + batch);
    const found = await readAll(volume, wanted, size);
    for (const place of wanted) yield found.get(place) as Buffer;
  }
}

/** The piece at each place. */
async function readAll(volume: Volume, places: readonly number[], size: number): Promise<Map<number, Buffer>> {
  const found = new Map<number, Buffer>();
  await concurrently(runsOf(places, size), readsAtOnce, async (run) => {
    const start = run[0] as number;
    const bytes = await volume.read(start, (run.at(-1) as number) + size - start);
    for (const place of run) found.set(place, bytes.subarray(place - start, place - start + size));
  });
  return found;
}

/** The places in ascending order, divided into those that one read fetches. */
function runsOf(places: readonly number[], size: number): number[][] {
  const runs: number[][] = [];
  let run: number[] = [];
  for (const place of [...places].sort((a, b) => a - b)) {
    const [first = place, last = place] = [run[0], run.at(-1)];
    if (run.length === 0 || place - last > size + gapReadAlong || place + size - first > mostAtOnce) {
      run = [];
      runs.push(run);
    }
    run.push(place);
  }
  return runs;
}
