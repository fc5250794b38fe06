import { expect, test } from 'vitest';
import type { Extents } from '../../../../src/backup/allocation/allocation.ts';
import { addSetBits } from '../../../../src/backup/allocation/bitmap.ts';
import {
  bytesIn,
  clip,
  complement,
  covers,
  ExtentList,
  extentsOf,
  roundOut,
  shift,
  union,
} from '../../../../src/backup/allocation/extents.ts';
import { type Random, randomFrom } from '../../../model/random.ts';

const size = 200;

test('extents are what a set of bytes would be, whatever is done to them', () => {
  const random = randomFrom(7);
  for (let round = 0; round < 300; round++) {
    const [a, b, c] = [randomBytes(random), randomBytes(random), randomBytes(random)];
    const [first, second, third] = [extents(a), extents(b), extents(c)];
    expect(extentsOf(shuffled(random, a))).toEqual(first);
    expect(union(first, second, third)).toEqual(extents([...a, ...b, ...c]));
    expect(complement(first, size)).toEqual(extents(everything.filter((byte) => !a.includes(byte))));
    const [offset, length, block] = [random.below(size), random.below(size), 1 + random.below(20)];
    expect(clip(first, offset, length)).toEqual(extents(a.filter((byte) => byte >= offset && byte < offset + length)));
    expect(shift(first, 10)).toEqual(extents(a.map((byte) => byte + 10)));
    const blocks = new Set(a.map((byte) => Math.floor(byte / block)));
    expect(roundOut(first, block, size)).toEqual(
      extents(everything.filter((byte) => blocks.has(Math.floor(byte / block)))),
    );
    expect(covers(first, second)).toBe(b.every((byte) => a.includes(byte)));
    expect(covers(union(first, second), second)).toBe(true);
    expect(bytesIn(first)).toBe(new Set(a).size);
  }
});

test('the set bits of a bitmap are extents, and those behind its end do not count', () => {
  const random = randomFrom(11);
  for (let round = 0; round < 300; round++) {
    const set = new Set(randomBytes(random));
    const bytes = Buffer.alloc(size / 8);
    for (const bit of set) bytes[bit >> 3] = (bytes[bit >> 3] as number) | (1 << (bit & 7));
    const count = 1 + random.below(size);
    const into = new ExtentList();
    const counted = [...set].filter((bit) => bit < count);
    expect(addSetBits({ bytes, count, unit: 3, offset: 5 }, into)).toBe(counted.length);
    expect(into.extents).toEqual(extents(counted.flatMap((bit) => [0, 1, 2].map((byte) => 5 + bit * 3 + byte))));
  }
  expect(() => addSetBits({ bytes: Buffer.alloc(4), count: 33, unit: 1, offset: 0 }, new ExtentList())).toThrow(/33/);
});

const everything = Array.from({ length: size }, (_, byte) => byte);

/** Of random runs, so that they touch and overlap now and then. */
function randomBytes(random: Random): number[] {
  const bytes: number[] = [];
  for (let run = random.below(6); run > 0; run--) {
    const from = random.below(size);
    for (let byte = from; byte < Math.min(size, from + random.below(40)); byte++) bytes.push(byte);
  }
  return bytes;
}

function extents(bytes: readonly number[]): Extents {
  const list: [number, number][] = [];
  for (const byte of [...new Set(bytes)].sort((a, b) => a - b)) {
    const last = list.at(-1);
    if (last !== undefined && last[0] + last[1] === byte) last[1]++;
    else list.push([byte, 1]);
  }
  return list;
}

function shuffled(random: Random, bytes: readonly number[]): [number, number][] {
  return bytes
    .map((byte) => ({ byte, at: random.below(1e9) }))
    .sort((a, b) => a.at - b.at)
    .map(({ byte }) => [byte, 1]);
}
