import { describe, expect, it } from 'vitest';
import {
  chooseParts,
  costOf,
  headRoom,
  type PackedFrames,
  type Part,
  type PartRules,
} from '../../../src/synth/parts.ts';
import { type Random, randomFrom } from '../../model/random.ts';

const rules: PartRules = { smallestPart: 100, rangeCost: 5 };

/** Frames one behind the other with gaps now and then, in a pack that goes on a little after them. */
function packOf(random: Random, count: number) {
  const [offset, length]: [number[], number[]] = [[], []];
  let at = headRoom;
  for (let n = 0; n < count; n++) {
    if (random.chance(0.5)) at += random.below(60);
    const bytes = 1 + random.below(50);
    offset.push(at);
    length.push(bytes);
    at += bytes;
  }
  const frames = { offset: Uint32Array.from(offset), length: Uint32Array.from(length) };
  return { frames, packBytes: at + random.below(40) };
}

/** The least that any choice costs: every set of rows of neighbouring frames is tried. */
function leastCost({ offset, length }: PackedFrames, packBytes: number): number {
  const count = offset.length;
  const through = (frame: number) => 2 * (length[frame] ?? 0);
  const ranged = (first: number, end: number) => {
    const span = (offset[end - 1] ?? 0) + (length[end - 1] ?? 0) - (offset[first] ?? 0) + headRoom;
    const live = length.subarray(first, end).reduce((sum, bytes) => sum + bytes, 0);
    return packBytes < rules.smallestPart
      ? Number.POSITIVE_INFINITY
      : Math.max(span, rules.smallestPart) - live + rules.rangeCost;
  };
  const from = (frame: number): number => {
    if (frame === count) return 0;
    let least = through(frame) + from(frame + 1);
    for (let end = frame + 1; end <= count; end++) least = Math.min(least, ranged(frame, end) + from(end));
    return least;
  };
  return from(0);
}

function expectSound(frames: PackedFrames, packBytes: number, parts: readonly Part[], { smallestPart }: PartRules) {
  let next = 0;
  for (const { offset, length, first, count, live } of parts) {
    expect(first).toBeGreaterThanOrEqual(next);
    next = first + count;
    expect(count).toBeGreaterThan(0);
    expect(length).toBeGreaterThanOrEqual(smallestPart);
    expect(offset).toBeGreaterThanOrEqual(0);
    expect(offset + length).toBeLessThanOrEqual(packBytes);
    // Its frames, and room for the head of a pack before them.
    expect(offset + headRoom).toBeLessThanOrEqual(frames.offset[first] ?? 0);
    const last = next - 1;
    expect(offset + length).toBeGreaterThanOrEqual((frames.offset[last] ?? 0) + (frames.length[last] ?? 0));
    expect(live).toBe(frames.length.subarray(first, next).reduce((sum, bytes) => sum + bytes, 0));
  }
  expect(next).toBeLessThanOrEqual(frames.offset.length);
}

describe('the ranges of a pack that a store copies', () => {
  it('cost the least that any choice does', () => {
    const random = randomFrom(71);
    let ranged = 0;
    for (let round = 0; round < 1500; round++) {
      const { frames, packBytes } = packOf(random, random.below(10));
      const parts = chooseParts(frames, packBytes, rules);
      expectSound(frames, packBytes, parts, rules);
      expect(costOf(frames, parts, rules)).toBe(leastCost(frames, packBytes));
      ranged += parts.length;
    }
    expect(ranged).toBeGreaterThan(500);
  });

  it('are one, the whole pack, when all of it is wanted', () => {
    const offset = Uint32Array.from({ length: 128 }, (_, n) => headRoom + n * 262_144);
    const frames = { offset, length: Uint32Array.from(offset, () => 262_144) };
    const packBytes = headRoom + 128 * 262_144 + 6000;
    const parts = chooseParts(frames, packBytes, { smallestPart: 5 * 1024 ** 2, rangeCost: 65536 });
    expect(parts).toEqual([{ offset: 0, length: headRoom + 128 * 262_144, first: 0, count: 128, live: 128 * 262_144 }]);
  });

  it('are none of a pack that is too short, or of which little is wanted', () => {
    const one = { offset: Uint32Array.of(5000), length: Uint32Array.of(60_000) };
    const real = { smallestPart: 5 * 1024 ** 2, rangeCost: 65536 };
    expect(chooseParts(one, 1024 ** 2, real)).toEqual([]);
    expect(chooseParts(one, 32 * 1024 ** 2, real)).toEqual([]);
    expect(chooseParts({ offset: new Uint32Array(), length: new Uint32Array() }, 32 * 1024 ** 2, real)).toEqual([]);
  });

  it('are found in a pack of very many frames', () => {
    const count = 400_000;
    const frames = {
      offset: Uint32Array.from({ length: count }, (_, n) => headRoom + n * 80),
      length: new Uint32Array(count).fill(80),
    };
    for (let n = 0; n < count; n += 3) frames.length[n] = 40;
    const packBytes = headRoom + count * 80;
    const real = { smallestPart: 5 * 1024 ** 2, rangeCost: 65536 };
    const parts = chooseParts(frames, packBytes, real);
    expectSound(frames, packBytes, parts, real);
    expect(parts).toHaveLength(1);
  });
});
