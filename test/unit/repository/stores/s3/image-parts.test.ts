import { expect, it } from 'vitest';
import { type HeldRange, type ImageRules, planImage } from '../../../../../src/repository/stores/s3/image-parts.ts';
import { randomFrom } from '../../../../model/random.ts';

const rules: ImageRules = { smallestPart: 10, largestPart: 160, mostParts: 60, sentPart: 20, zerosPart: 40 };

it('makes every image of parts that a server takes, and sends what it holds', () => {
  const random = randomFrom(81);
  let [zeros, tight] = [0, 0];
  for (let round = 0; round < 2000; round++) {
    const held: HeldRange[] = [];
    let at = random.below(30);
    for (let n = random.below(12); n > 0; n--) {
      const to = at + 1 + random.below(30);
      held.push({ from: at, to });
      at = to + 1 + random.below(random.chance(0.2) ? 300 : 40);
    }
    const size = Math.max(1, held.length === 0 ? at : (held.at(-1)?.to ?? 0) + random.below(50));
    const parts = planImage(held, size, rules) ?? [];
    let position = 0;
    for (const [index, { kind, offset, length }] of parts.entries()) {
      expect(offset).toBe(position);
      position += length;
      if (index < parts.length - 1) expect(length).toBeGreaterThanOrEqual(rules.smallestPart);
      if (kind === 'sent') continue;
      zeros += length;
      expect(held.every(({ from, to }) => to <= offset || from >= offset + length)).toBe(true);
    }
    expect(position).toBe(size);
    expect(parts.length).toBeLessThanOrEqual(rules.mostParts);
    // Of zeros, for each piece of data only: those before it, or as many as make a part of it.
    const sent = parts.reduce((sum, { kind, length }) => (kind === 'sent' ? sum + length : sum), 0);
    const data = held.reduce((sum, { from, to }) => sum + to - from, 0);
    expect(sent).toBeLessThanOrEqual(data + held.length * 2 * rules.smallestPart);
    if (sent === data) tight += 1;
  }
  expect(zeros).toBeGreaterThan(100_000);
  expect(tight).toBeGreaterThan(50);
});

it('makes parts longer when there would be too many, and says when none are long enough', () => {
  const parts = planImage([{ from: 0, to: 3000 }], 3000, rules);
  expect(parts?.length).toBeLessThanOrEqual(60);
  expect(planImage([], 60 * 160, rules)).toHaveLength(60);
  expect(planImage([], 60 * 160 + 1, rules)).toBeNull();
  expect(planImage([], 7, rules)).toEqual([{ kind: 'zeros', offset: 0, length: 7 }]);
});
