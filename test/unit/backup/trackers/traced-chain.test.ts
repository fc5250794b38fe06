/** When what a driver noted is believed. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Traced } from '../../../../src/backup/snapshots/provider.ts';
import type { Taken } from '../../../../src/backup/snapshots/take.ts';
import { dattobdTracker, elastioSnapTracker } from '../../../../src/backup/trackers/traced.ts';
import type { Kept } from '../../../../src/backup/trackers/tracker.ts';
import type { Manifest } from '../../../../src/repository/manifest.ts';
import { quiet, scratchMemory } from '../../scratch.ts';
import { writeCowFile } from '../tracing/cow-writer.ts';

const mib = 1024 ** 2;
const size = 20 * mib;
const uuid = '00112233445566778899aabbccddeeff';
const kept: Kept = { path: '/mnt/.strata-00000001.cow', generation: `${uuid}:7:1234`, untracked: [[mib, 4096]] };

/** The snapshot that follows that of the parent, and the list of what changed between. */
async function next(more: Partial<Traced> = {}, listed = 7): Promise<Traced> {
  const file = join(await scratchMemory(), 'cow');
  const entries = new Map([[512, 1]]);
  await writeCowFile(file, { size, uuid, sequence: listed, entries });
  const before = { file, touched: '1234' };
  return { uuid, sequence: 8, file: '/mnt/.strata-00000002.cow', before, anew: null, own: [[3 * mib, mib]], ...more };
}

async function since(traced: Traced | null, parentKept: Kept | undefined = kept, parentSize = size) {
  const parent = { size: parentSize, tracking: { since: null, reason: null, auditedBlocks: 0, kept: parentKept } };
  // Of both it is asked no more than this.
  const taken = { traced, view: { size } } as unknown as Taken;
  return dattobdTracker.since(parent as unknown as Manifest, taken, quiet());
}

// 004-21
it('believes it of the very next snapshot of a series', async () => {
  // Neither what it noted nor what it does not note: its own files, of this snapshot and of the one before.
  expect(await since(await next())).toEqual({
    unchanged: [
      [0, mib],
      [mib + 4096, mib - 4096],
      [2 * mib + 4096, mib - 4096],
      [4 * mib, 16 * mib],
    ],
    changedBytes: 4096,
  });
  expect([dattobdTracker.name, elastioSnapTracker.name]).toEqual(['dattobd', 'elastio-snap']);
});

it.each<[string, Partial<Traced>, RegExp]>([
  ['another series', { uuid: 'f'.repeat(32) }, /began anew since the parent/],
  ['the same snapshot', { sequence: 7 }, /other snapshots.*number 7 follows 7/],
  ['one after the next', { sequence: 9 }, /other snapshots.*number 9 follows 7/],
  ['an earlier one', { sequence: 3 }, /other snapshots/],
  ['the first of its series', { before: null, anew: 'it was unmounted' }, /it was unmounted/],
  ['a driver that wrote meanwhile', { before: { file: '/none', touched: '1235' } }, /at work all the time/],
  ['a list that is not there', { before: { file: '/none', touched: '1234' } }, /cannot read \/none/],
  ['a driver whose file lies anywhere', { own: null }, /cannot be told/],
])('does not believe it of %s', async (_, more, reason) => {
  expect(await since(await next(more))).toEqual({ unknown: expect.stringMatching(reason) });
});

it('does not believe it of another parent, nor a list that is not as expected', async () => {
  const traced = await next();
  const { path, generation } = kept;
  expect(await since(traced, { path, generation: '1:2:3:4' })).toEqual({
    unknown: expect.stringContaining('not read'),
  });
  expect(await since(traced, { path, generation })).toEqual({ unknown: expect.stringContaining('not read') });
  expect(await since(null)).toEqual({ unknown: expect.stringContaining('not read through dattobd') });
  expect(await since(traced, kept, size + 4096)).toEqual({ unknown: 'the parent has another size' });
  expect(await since(await next({}, 6))).toEqual({ unknown: expect.stringContaining('of snapshot 6, not 7') });
});

it('keeps what its own files were, unless they lie in too many pieces', async () => {
  const traced = await next();
  const keeps = (own: Traced['own']) => dattobdTracker.keeps?.({ traced: { ...traced, own } } as unknown as Taken);
  expect(await keeps([[0, 5]])).toEqual({ path: traced.file, generation: `${uuid}:8`, untracked: [[0, 5]] });
  expect(await keeps(null)).toBe(null);
  expect(await keeps(Array.from({ length: 10_001 }, (_, at) => [at * 2, 1] as const))).toBe(null);
});
