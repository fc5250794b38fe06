import { expect, it } from 'vitest';
import { type FileExtents, sameExtents } from '../../../../src/backup/trackers/file-extents.ts';
import { type Random, randomFrom } from '../../../model/random.ts';

const block = 4;

it('finds what two files have at the same place, and no more', () => {
  const random = randomFrom(7);
  for (let round = 0; round < 3000; round++) {
    const size = 1 + random.below(40);
    const before = someFile(random, size);
    const now = changed(random, before);
    const { unchanged, changedBytes } = sameExtents(flat(before), flat(now), block, size);
    const left = new Set(unchanged.flatMap(([at, count]) => Array.from({ length: count }, (_, i) => at + i)));
    let data = 0;
    for (let at = 0; at < size; at++) {
      const [was, is] = [before[at], now[at]];
      const isSame = was !== null && is !== null && was?.place === is?.place && was?.flags === 0 && is?.flags === 0;
      if (is !== null && !isSame) data++;
      const isHole = was === null && is === null;
      if (isSame) expect(left.has(at), `${at}`).toBe(true);
      else if (left.has(at)) expect(isHole, `${at}`).toBe(true);
    }
    expect(changedBytes).toBe(data);
  }
});

it.each([
  ['not yet placed', 0x2 | 0x4],
  ['compressed', 0x8],
  ['within its inode', 0x200],
  ['unwritten', 0x800],
  ['of a meaning that is not known', 0x8000],
])('takes what is %s for changed', (_, flags) => {
  const file = Float64Array.of(0, 4096, 8, flags);
  expect(sameExtents(file, file, block, 8)).toEqual({ unchanged: [], changedBytes: 8 });
});

it('takes a file whose last extents are marked as such, merged or shared for what it is', () => {
  const before = Float64Array.of(0, 4096, 4, 0, 4, 9000, 4, 0x2001);
  const now = Float64Array.of(0, 4096, 4, 0x1000, 4, 9000, 6, 0x1);
  expect(sameExtents(before, now, block, 10).unchanged).toEqual([[0, 8]]);
});

type Place = { readonly place: number; readonly flags: number } | null;

/** Where each byte lies; null in a hole. */
function someFile(random: Random, size: number): Place[] {
  let place = 1000;
  return Array.from({ length: size }, () => {
    if (random.chance(0.2)) place += 100;
    if (random.chance(0.3)) return null;
    return { place: place++, flags: random.chance(0.1) ? 0x800 : 0 };
  });
}

function changed(random: Random, before: readonly Place[]): Place[] {
  return before.map((place, at) => {
    if (random.chance(0.7)) return place;
    return random.chance(0.3) ? null : { place: 50_000 + at, flags: 0 };
  });
}

/** One extent a byte or a few, as the kernel might tell it. */
function flat(file: readonly Place[]): FileExtents {
  return Float64Array.from(file.flatMap((it, at) => (it === null ? [] : [at, it.place, 1, it.flags])));
}
