import { copyFileSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Extents } from '../../../../../src/backup/allocation/allocation.ts';
import { bytesIn, complement, covers, extentsOf } from '../../../../../src/backup/allocation/extents.ts';
import { announce, run } from '../../../mount/attach/images.ts';
import { scratchMemory } from '../../../scratch.ts';
import { withImage } from '../volumes.ts';
import { contentsOf } from './ageing.ts';
import { kinds, mountLoop, onMount } from './kinds.ts';
import { copyOnly, reasonOf, usedOf } from './proof.ts';

const kind = kinds.xfs;
const size = 48 * 1024 * 1024;

describe.skipIf(announce('xfs.test.ts', kind.whyNot))('the map of XFS', () => {
  let image: string;
  beforeEach(async () => {
    image = join(await scratchMemory(), 'image');
  });

  it.each([
    ['512', []],
    ['4096', ['-s', 'size=4096']],
  ])('of a frozen one is known: its log holds nothing but superblocks of %s bytes', async (_, options) => {
    kind.make(image, size, options);
    const frozen = `${image}.frozen`;
    const before = onMount(image, mountLoop('rw'), (at) => {
      fill(at);
      run('fsfreeze', '--freeze', at);
      try {
        copyFileSync(image, frozen);
      } finally {
        run('fsfreeze', '--unfreeze', at);
      }
      return contentsOf(at);
    });
    const cut = `${image}.cut`;
    copyOnly(frozen, cut, await usedOf(kind, frozen));
    expect(onMount(cut, mountLoop('rw,nouuid'), contentsOf)).toEqual(before);
    kind.check(cut);
  });

  it('of a mounted one is not known', async () => {
    kind.make(image, size, []);
    const mounted = `${image}.mounted`;
    onMount(image, mountLoop('rw'), (at) => {
      fill(at);
      run('sync', '--file-system', at);
      copyFileSync(image, mounted);
    });
    expect(await reasonOf(kind, mounted)).toMatch(/^its log is not clean/);
    expect(await reasonOf(kind, image)).toBe('');
  });

  it('has every free block of many small holes', async () => {
    kind.make(image, size, ['-b', 'size=1024', '-d', 'agcount=2']);
    onMount(image, mountLoop('rw'), (at) => {
      for (let n = 0; n < 3000; n++) writeFileSync(join(at, `${n}`), 'x'.repeat(700));
      run('sync', '--file-system', at);
      for (let n = 0; n < 3000; n += 2) rmSync(join(at, `${n}`));
    });
    const free = complement(await usedOf(kind, image), size);
    expect(free.length).toBeGreaterThan(1400);
    expectFreeByTool(free, image, 1024);
    expect(run('xfs_db', '-r', '-c', 'agf 0', '-c', 'p bnolevel', image)).toMatch(/[23]$/m);
  });

  it('of version 4 is known', async () => {
    const folder = join(await scratchMemory(), 'files');
    mkdirSync(folder);
    fill(folder);
    const files = readdirSync(folder).map((name) => `${name} ---644 0 0 ${join(folder, name)}`);
    const prototype = `${image}.prototype`;
    writeFileSync(prototype, ['/', '0 0', 'd--755 0 0', ...files, '$', ''].join('\n'));
    for (const lazy of [0, 1]) {
      kind.make(image, size, ['-m', 'crc=0', '-l', `lazy-count=${lazy}`, '-p', prototype]);
      const cut = `${image}.cut`;
      const used = await usedOf(kind, image);
      copyOnly(image, cut, used);
      kind.check(cut);
      expectFreeByTool(complement(used, size), cut, 4096);
    }
  });

  it.each([
    ['a log on another device', ['-l', 'logdev=OTHER,size=20m'], /another device/],
    ['a realtime device', ['-r', 'rtdev=OTHER'], /realtime/],
  ])('of one with %s is not known', async (_, options, reason) => {
    const other = `${image}.other`;
    writeFileSync(other, Buffer.alloc(size));
    kind.make(image, size, ['-m', 'crc=1', ...options.map((word) => word.replace('OTHER', other))]);
    expect(await reasonOf(kind, image)).toMatch(reason);
  });

  it.each([
    ['incompatible', 'features_incompat', 0x100],
    ['read-only', 'features_ro_compat', 0x10],
    ['log', 'features_log_incompat', 0x2],
  ])('of one with %s features of the future is not known', async (_, field, bit) => {
    kind.make(image, size, []);
    run('xfs_db', '-x', '-c', 'sb 0', '-c', `write -d ${field} ${bit}`, image);
    expect(await reasonOf(kind, image)).toMatch(/features not known here/);
  });

  it('of one that needs repair, is too large for its volume, or has a wrong count is not known', async () => {
    kind.make(image, size, []);
    const changed = `${image}.changed`;
    const reasonAfter = async (...commands: string[]) => {
      copyFileSync(image, changed);
      run('xfs_db', '-x', ...commands.flatMap((command) => ['-c', command]), changed);
      return reasonOf(kind, changed);
    };
    expect(await reasonAfter('sb 0', 'write -d features_incompat 0x1b')).toMatch(/needing repair/);
    expect(await reasonAfter('sb 0', 'write -d fdblocks 5')).toMatch(/not as many/);
    expect(await reasonAfter('agf 0', 'write -d freeblks 5')).toMatch(/not as many/);
    expect(await reasonAfter('agf 0', 'write -d longest 5')).toMatch(/not what its header counts/);
    const half = await withImage(image, (volume) => kind.parser({ ...volume, size: size / 2 }));
    expect(half).toMatchObject({ unknown: 'it is larger than its volume' });
  });

  it('has what lies behind the end of the file system', async () => {
    kind.make(image, size, []);
    const shorter = await usedOf(kind, image);
    run('truncate', '--size', `${size + 5_000_000}`, image);
    const longer = await usedOf(kind, image);
    expect(covers(longer, [...shorter, [size, 5_000_000]])).toBe(true);
  });
});

function fill(folder: string): void {
  for (let n = 0; n < 60; n++) writeFileSync(join(folder, `file${n}`), `content ${n} `.repeat(n * 40));
}

/** xfs_db has also those blocks as free that are kept for trees. */
function expectFreeByTool(free: Extents, image: string, blockSize: number): void {
  const ask = (...commands: string[]) => run('xfs_db', '-r', ...commands.flatMap((command) => ['-c', command]), image);
  const numberOf = (line: string) => Number(/= (\d+)/.exec(line)?.[1]);
  const [groups, groupBlocks] = [numberOf(ask('sb 0', 'p agcount')), numberOf(ask('sb 0', 'p agblocks'))];
  const rows = ask('freesp -d').matchAll(/^ +(\d+) +(\d+) +(\d+) *$/gm);
  const theirs = extentsOf(
    [...rows].map(([, group, block, count]): [number, number] => [
      (Number(group) * groupBlocks + Number(block)) * blockSize,
      Number(count) * blockSize,
    ]),
  );
  let listed = 0;
  for (let group = 0; group < groups; group++) listed += numberOf(ask(`agf ${group}`, 'p flcount'));
  expect(covers(theirs, free)).toBe(true);
  expect(bytesIn(theirs) - bytesIn(free)).toBe(listed * blockSize);
}
