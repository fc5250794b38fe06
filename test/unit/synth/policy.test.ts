import { expect, it } from 'vitest';
import { whyMerge } from '../../../src/synth/policy.ts';

const day = 86_400_000;

/** A chain of points a day apart, oldest first. */
function chainOf(length: number) {
  return Array.from({ length }, (_, n) => ({
    id: `p${n}`,
    time: new Date(n * day).toISOString(),
    parent: n === 0 ? null : `p${n - 1}`,
    chainLength: n + 1,
  }));
}

const newestOf = (chain: ReturnType<typeof chainOf>) => {
  const newest = chain.at(-1);
  if (newest === undefined) throw new Error('there is none');
  return newest;
};

it.each([
  [1, { maxChain: 1, fullEvery: 0 }, null],
  [5, { maxChain: 5, fullEvery: null }, null],
  [6, { maxChain: 5, fullEvery: null }, 'its chain of 6 points is longer than 5'],
  [8, { maxChain: null, fullEvery: 8 * day }, null],
  [8, { maxChain: null, fullEvery: 7 * day }, 'its full is 7 days older than it'],
  [8, { maxChain: 30, fullEvery: 7 * day }, 'its full is 7 days older than it'],
  [8, { maxChain: null, fullEvery: null }, null],
])('a chain of %i under %o is merged because: %s', (length, policy, reason) => {
  const chain = chainOf(length);
  expect(whyMerge(newestOf(chain), chain, policy)).toBe(reason);
});

it('leaves a chain whose full is lost, or that goes in a circle, to its length', () => {
  const chain = chainOf(4);
  const policy = { maxChain: null, fullEvery: 1 };
  expect(whyMerge(newestOf(chain), chain.slice(1), policy)).toBeNull();
  const circle = chain.map((link) => ({ ...link, parent: link.parent ?? 'p3' }));
  expect(whyMerge(newestOf(circle), circle, policy)).toBeNull();
});
