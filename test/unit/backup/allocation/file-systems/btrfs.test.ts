import {
  closeSync,
  copyFileSync,
  fsyncSync,
  openSync,
  readSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { extentsOf } from '../../../../../src/backup/allocation/extents.ts';
import { randomFrom } from '../../../../model/random.ts';
import { announce, run } from '../../../mount/attach/images.ts';
import { scratchMemory } from '../../../scratch.ts';
import { contentsOf } from './ageing.ts';
import { usedByDump } from './btrfs-dump.ts';
import { kinds, mountLoop, onMount } from './kinds.ts';
import { change, copyOnly, provenMap, reasonOf, usedOf } from './proof.ts';

const kind = kinds.btrfs;
const size = 128 * 1024 * 1024;

describe.skipIf(announce('btrfs.test.ts', kind.whyNot))('the map of Btrfs', () => {
  let image: string;
  beforeEach(async () => {
    image = join(await scratchMemory(), 'image');
  });

  it.each([
    ['single and DUP', []],
    ['DUP for all', ['-d', 'dup']],
    ['single for all, with small nodes', ['-m', 'single', '-n', '4096', '-R', '^free-space-tree']],
  ])('with the profiles %s is that of its own tools', async (_, options) => {
    kind.make(image, 2 * size, options);
    kind.age(image, randomFrom(3), 80);
    const used = await usedOf(kind, image);
    expect(used).toEqual(usedByDump(image));
  });

  it('of a mounted one has what fsync has put into its log', async () => {
    kind.make(image, size, []);
    const mounted = `${image}.mounted`;
    onMount(image, mountLoop('rw'), (at) => {
      writeFileSync(join(at, 'committed'), 'committed '.repeat(5000));
      run('sync', '--file-system', at);
      for (let n = 0; n < 20; n++) writeDurably(join(at, `file${n}`), Buffer.alloc(20_000 * n + 1, `file ${n} `));
      copyFileSync(image, mounted);
    });
    expect(run('btrfs', 'inspect-internal', 'dump-super', mounted)).toMatch(/^log_root\s+[1-9]/m);
    const cut = `${image}.cut`;
    copyOnly(mounted, cut, await usedOf(kind, mounted));
    const contents = onMount(image, mountLoop('ro'), contentsOf);
    expect(Object.keys(contents)).toHaveLength(21);
    // Mounting it replays the log.
    expect(onMount(cut, mountLoop('rw'), contentsOf)).toEqual(contents);
    kind.check(cut);
  });

  it('of snapshots, clones and compressed files is proven', async () => {
    kind.make(image, size, []);
    onMount(image, mountLoop('rw,compress=zstd'), (at) => {
      run('btrfs', 'subvolume', 'create', join(at, 'volume'));
      for (let n = 0; n < 40; n++) writeFileSync(join(at, 'volume', `${n}`), `content ${n} `.repeat(n * 1000));
      run('btrfs', 'subvolume', 'snapshot', join(at, 'volume'), join(at, 'snapshot'));
      for (let n = 0; n < 40; n += 2) writeFileSync(join(at, 'volume', `${n}`), `changed ${n} `.repeat(3000));
      run('btrfs', 'subvolume', 'snapshot', '-r', join(at, 'volume'), join(at, 'second'));
      run('btrfs', 'subvolume', 'delete', '--commit-after', join(at, 'snapshot'));
    });
    expect(await provenMap(kind, image)).toEqual(usedByDump(image));
  });

  it('takes the second copy of a tree block where the first is damaged', async () => {
    kind.make(image, size, []);
    const used = await usedOf(kind, image);
    const tree = run('btrfs', 'inspect-internal', 'dump-tree', '-t', 'extent', image);
    const [, address = ''] = /^leaf (\d+)/m.exec(tree) ?? [];
    const map = run('btrfs-map-logical', '-l', address, image);
    const places = [...map.matchAll(/physical (\d+)/g)].map(([, place]) => Number(place));
    expect(places).toHaveLength(2);
    damage(image, (places[0] as number) + 200);
    expect(await usedOf(kind, image)).toEqual(used);
    damage(image, (places[1] as number) + 200);
    expect(await reasonOf(kind, image)).toMatch(/^the tree block at .* is damaged/);
  });

  it('of one with other checksums or of several devices is not known', async () => {
    kind.make(image, size, ['--csum', 'xxhash']);
    expect(await reasonOf(kind, image)).toMatch(/^its checksums are of kind 1/);
    const second = `${image}.second`;
    writeFileSync(second, '');
    truncateSync(second, size);
    run('mkfs.btrfs', '-q', '-f', image, second);
    expect(await reasonOf(kind, image)).toBe('it is made of 2 devices');
  });

  it('of one whose UUID was changed is known', async () => {
    kind.make(image, size, []);
    const used = await usedOf(kind, image);
    run('btrfstune', '-m', image);
    expect(run('btrfs', 'inspect-internal', 'dump-super', image)).toMatch(/METADATA_UUID/);
    expect(await usedOf(kind, image)).not.toEqual(used);
    expect(await usedOf(kind, image)).toEqual(usedByDump(image));
  });

  it('has what lies behind the end of the file system', async () => {
    kind.make(image, size, []);
    const used = await usedOf(kind, image);
    truncateSync(image, size + 5_000_000);
    expect(await usedOf(kind, image)).toEqual(extentsOf([...used, [size, 5_000_000]]));
    truncateSync(image, size / 2);
    expect(await reasonOf(kind, image)).toBe('it is larger than its volume');
  });
});

function writeDurably(path: string, bytes: Buffer): void {
  const file = openSync(path, 'w');
  writeSync(file, bytes);
  fsyncSync(file);
  closeSync(file);
}

function damage(image: string, at: number): void {
  change(image, (file) => {
    const byte = Buffer.alloc(1);
    readSync(file, byte, 0, 1, at);
    writeSync(file, Buffer.of((byte[0] as number) ^ 0x10), 0, 1, at);
  });
}
