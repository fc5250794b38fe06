import { expect, it } from 'vitest';
import { flat, keptFrom } from '../../../../src/backup/skips.ts';
import { sampleManifest } from '../../repository/manifests.ts';

const block = 65536;
const size = 10 * block + 100;
const all = [[0, size]] as const;

it('keeps what did not change, but for what the parent could not read', () => {
  const parent = sampleManifest({ size, unreadable: [[3 * block + 512, 512]] });
  expect(keptFrom(parent, all, size)).toEqual([
    [0, 3 * block],
    [4 * block, size - 4 * block],
  ]);
  const some = [
    [block, block],
    [3 * block, 2 * block],
  ] as const;
  expect(keptFrom(parent, some, size)).toEqual([
    [block, block],
    [4 * block, block],
  ]);
});

it('reads the block in which one of two disks ends', () => {
  for (const parentSize of [size - 50, size + 50, size + block]) {
    const parent = sampleManifest({ size: parentSize, unreadable: [] });
    expect(keptFrom(parent, all, size)).toEqual([[0, 10 * block]]);
  }
  expect(keptFrom(sampleManifest({ size, unreadable: [] }), all, size)).toEqual(all);
});

it('gives extents to the addon as numbers in a row', () => {
  expect([
    ...flat([
      [1, 2],
      [5, 2 ** 40],
    ]),
  ]).toEqual([1, 2, 5, 2 ** 40]);
});
