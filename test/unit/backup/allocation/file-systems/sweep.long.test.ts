/** Many file systems of different options, fills and ages; minutes long. */
import { rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Extents } from '../../../../../src/backup/allocation/allocation.ts';
import { bytesIn, complement, covers, union } from '../../../../../src/backup/allocation/extents.ts';
import { randomFrom } from '../../../../model/random.ts';
import { announce, hasProgram, run } from '../../../mount/attach/images.ts';
import { scratchMemory } from '../../../scratch.ts';
import { usedByDump } from './btrfs-dump.ts';
import { bytesByFsck } from './fat-files.ts';
import { type KindName, kinds, mountFuse, onMount } from './kinds.ts';
import { usedByPartclone } from './partclone.ts';
import { provenMap } from './proof.ts';

const mebibyte = 1024 * 1024;

/** Files written and changed; the last makes most of these full. */
const ages = [0, 40, 250, 600];

const options: Record<KindName, { mebibytes: number; words: readonly string[] }> = {
  xfs: {
    mebibytes: 64,
    words: [
      '',
      '-b size=1024',
      '-b size=2048 -n size=8192',
      '-s size=4096',
      '-m rmapbt=1',
      '-m reflink=0',
      '-m finobt=0,reflink=0',
      '-m bigtime=0,inobtcount=0',
      '-i sparse=0,size=2048',
      '-i nrext64=1',
      '-d agcount=1',
      '-d agcount=4 -b size=1024 -m rmapbt=1',
      '-d su=64k,sw=4 -l su=64k',
      '-l su=128k',
      '-m uuid=11111111-2222-3333-4444-555555555555',
    ],
  },
  btrfs: {
    mebibytes: 300,
    words: [
      '',
      '-m single',
      '-m dup -d dup',
      '-m single -d dup',
      '--mixed',
      '--mixed -n 4096 -m dup -d dup',
      '-n 4096',
      '-n 8192 -R ^free-space-tree',
      '-n 32768',
      '-n 65536',
      '--csum sha256',
      '-O ^no-holes',
      '-O ^skinny-metadata,^no-holes',
      '-R quota',
    ],
  },
  ntfs: {
    mebibytes: 40,
    words: [
      '',
      '-c 512',
      '-c 1024',
      '-c 2048',
      '-c 8192',
      '-c 32768',
      '-c 65536',
      '-s 1024',
      '-s 2048',
      '-s 4096',
      '-s 4096 -c 65536',
      '-z 1 -c 512',
      '-z 4',
    ],
  },
  exfat: {
    mebibytes: 40,
    words: ['', '-c 512', '-c 1024', '-c 4096', '-c 16384', '-c 65536', '-c 512K', '-c 1M', '-b 1M', '--pack-bitmap'],
  },
  vfat: {
    mebibytes: 70,
    words: [
      '-F 12 -s 64',
      '-F 12 -s 128 -f 1',
      '-F 16 -s 4',
      '-F 16 -s 8 -f 1 -a',
      '-F 16 -s 32 -r 64',
      '-F 16 -S 2048 -s 2',
      '-F 16 -S 4096 -s 4 -R 9',
      '-F 32 -s 1',
      '-F 32 -s 1 -a -R 40',
      '-F 32 -s 2 -f 1',
    ],
  },
};

const noPartclone = hasProgram('partclone.xfs') ? '' : 'partclone is not installed';

const all = Object.entries(options).flatMap(([name, { mebibytes, words }]) =>
  words.flatMap((made) => ages.map((steps) => ({ name: name as KindName, mebibytes, made, steps }))),
);

describe.each(all)('the map of $name made with "$made" after $steps steps', ({ name, mebibytes, made, steps }) => {
  const kind = kinds[name];

  it.skipIf(announce(name, kind.whyNot || noPartclone))('is proven, and that of other programs', async () => {
    const image = join(await scratchMemory(), 'image');
    // An odd size, so that clusters and groups do not end with it.
    kind.make(image, mebibytes * mebibyte + steps * 512 * 9, made === '' ? [] : made.split(' '));
    if (steps > 0) kind.age(image, randomFrom(steps), steps);
    expectLikeOthers(name, image, await provenMap(kind, image));
  });
});

describe.skipIf(announce('ntfs', kinds.ntfs.whyNot))('the map of an NTFS', () => {
  it('is proven where its file table is in so many pieces that other records list them', async () => {
    const image = join(await scratchMemory(), 'image');
    kinds.ntfs.make(image, 24 * mebibyte, ['-c', '512']);
    onMount(image, mountFuse('ntfs-3g', 'rw'), (at) => {
      const count = untilFull((n) => writeFileSync(join(at, `file${n}`), 'x'.repeat(900)));
      for (let n = 0; n < count; n += 2) rmSync(join(at, `file${n}`));
      untilFull((n) => writeFileSync(join(at, `small${n}`), 'x'));
      for (let n = 1; n < count; n += 20) rmSync(join(at, `file${n}`));
    });
    expect(run('ntfsinfo', '--inode', '0', image)).toMatch(/ATTRIBUTE_LIST/);
    expectLikeOthers('ntfs', image, await provenMap(kinds.ntfs, image));
  });
});

/** Until the disk is full; how often it was. */
function untilFull(step: (n: number) => void): number {
  for (let n = 0; ; n++)
    try {
      step(n);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return n;
      throw error;
    }
}

function expectLikeOthers(name: KindName, image: string, used: Extents): void {
  if (name === 'btrfs') expect(used).toEqual(usedByDump(image));
  else if (name === 'vfat') expect(bytesIn(used)).toBe(bytesByFsck(image));
  else {
    const theirs = usedByPartclone(name, image);
    expect(covers(used, theirs)).toBe(true);
    const { size } = statSync(image);
    const onlyOurs = complement(union(complement(used, size), theirs), size);
    // Blocks of XFS that are kept for trees, and what lies behind the last cluster, or the last allocation group.
    for (const [offset, length] of onlyOurs) if (offset + length < size) expect(length).toBeLessThanOrEqual(65536);
  }
}
