/** What forms about sources and rules make of what was entered, and what is told of several disks. */
import { describe, expect, test } from 'vitest';
import type { FoundDisk } from '../../../src/jobs/setup/disks.ts';
import { describeDisks, describeRepair } from '../../../src/tui/control/outcomes.ts';
import { readRules, rulesText } from '../../../src/tui/control/rules.ts';
import { namesOf, obstaclesOf, sourceFields, sourcesOf } from '../../../src/tui/control/sources.ts';
import { newForm, valuesOf } from '../../../src/tui/state/form.ts';
import { failure } from './sample.ts';

const disk = (name: string, path: string, more: Partial<FoundDisk> = {}): FoundDisk => ({
  path,
  name,
  size: 80 * 1024 ** 3,
  model: '',
  fileSystem: null,
  parts: [],
  mountedAt: [],
  obstacle: null,
  ...more,
});
const found = [
  disk('sda', '/dev/disk/by-id/ata-1', { fileSystem: 'ext4', mountedAt: ['/'] }),
  disk('sdb', '/dev/sdb'),
  disk('sdc', '/dev/sdc', { obstacle: 'holds the repository' }),
];
const entered = (before: readonly string[]) =>
  valuesOf(newForm({ title: '', does: '', intent: { do: 'quit' }, fields: sourceFields(found, before) }));
const names = namesOf(found);

describe('sources', () => {
  test('a disk that was backed up is ticked by any of its names, what is no disk is written out', () => {
    expect(entered(['/dev/sda', '/a b.img'])).toEqual({ disks: '/dev/disk/by-id/ata-1', others: "'/a b.img' " });
    expect(entered(['/dev/sdc'])).toEqual({ disks: '', others: '/dev/sdc ' });
    expect(namesOf(found, { path: '/dev/sda', disk: 'root' })).toMatchObject({
      '/dev/disk/by-id/ata-1': 'root',
      '/dev/sdb': 'sdb',
    });
    expect(obstaclesOf(found)).toEqual(['Not to be had: sdc: holds the repository.']);
  });

  test('several have the names of their disks, all are left to the run', () => {
    expect(sourcesOf({ disks: '/dev/disk/by-id/ata-1\n/dev/sdb', others: 'x.img' }, names)).toEqual({
      disks: [
        { source: '/dev/disk/by-id/ata-1', disk: 'sda' },
        { source: '/dev/sdb', disk: 'sdb' },
        { source: 'x.img', disk: undefined },
      ],
    });
    expect(sourcesOf({ disks: '*' }, names)).toEqual({ disks: null });
  });

  test.each([
    [{}, 'what should be backed up?'],
    [{ disks: '*\n/dev/sdb' }, 'not both'],
    [{ disks: '*', others: 'x' }, 'not both'],
    [{ others: '-' }, 'standard input'],
    [{ others: '"x' }, 'a quote is not closed'],
  ])('%j is refused', (values, why) => {
    expect(sourcesOf(values, names)).toContain(why);
  });
});

test('rules are those of the command line; none keeps everything', () => {
  expect(readRules({ keepLast: ' 3 ', keepDaily: '14', keepWithin: '30d', keepTags: 'a b', maxChain: '' })).toEqual({
    keep: { keepLast: 3, keepDaily: 14, keepWithin: '30d', keepTags: ['a', 'b'] },
    maxChain: null,
  });
  expect(readRules({ keepLast: '', maxChain: '9' })).toEqual({ keep: null, maxChain: 9 });
  for (const wrong of ['0', '-1', '1.5', 'x']) expect(readRules({ keepDaily: wrong })).toContain('Keep daily: ');
  expect(rulesText({ keep: { keepDaily: 14, keepTags: ['a', 'b'] }, maxChain: 9 })).toBe(
    'daily 14, tags a b, chains of at most 9',
  );
  expect(rulesText({ keep: null, maxChain: null })).toBe('every point');
});

test('of several disks it is told which failed, and whether they are of one instant', () => {
  const result = {
    kind: 'full',
    point: 'abcdef0123456789abcdef01',
    bytesStored: 1024,
    bytesRead: 2048,
  } as unknown as Parameters<typeof describeDisks>[0]['disks'][number]['result'];
  const common = { dryRun: false, group: 'a'.repeat(24), leftOut: [], seconds: 2 };
  const of = (name: string) => ({ source: `/dev/${name}`, machine: 'm', disk: name });
  const made = (name: string) => ({ ...of(name), result, failure: null });
  const lines = describeDisks({
    ...common,
    oneInstant: true,
    disks: [made('a'), { ...of('b'), result: null, failure }, made('c')],
    failure,
    warnings: [],
  });
  expect(lines[0]).toBe('2 of 3 disks backed up, all of one instant, in 2.0s');
  expect(lines[1]).toBe('m/a: full point abcdef01, 1.0 KiB stored of 2.0 KiB read');
  expect(lines[2]).toBe(`failed: /dev/b: ${failure.message}; ${failure.hint}`);
  const warnings = [{ code: 'NOT_ONE_INSTANT' as const, message: 'not all disks are of one instant: why' }];
  const apart = describeDisks({ ...common, oneInstant: false, disks: [made('a'), made('b')], failure: null, warnings });
  expect(apart[0]).toContain('2 of 2 disks backed up, not of one instant');
  expect(apart.at(-1)).toBe(`warning: ${warnings[0]?.message}`);
});

test('what a repair forgot is told', () => {
  const nothing = { mended: [], lost: [], toBackUp: [], needsBackup: 0, warnings: [], seconds: 1 };
  const dropped = ['abcdef0123456789abcdef01'];
  expect(describeRepair({ ...nothing, dryRun: true, dropped }).at(-1)).toContain('to be forgotten: abcdef01');
  expect(describeRepair({ ...nothing, dryRun: false, dropped }).at(-1)).toContain('forgotten: abcdef01');
});
