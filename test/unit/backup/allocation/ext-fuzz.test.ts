import { execFileSync } from 'node:child_process';
import { mkdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { extAllocation } from '../../../../src/backup/allocation/ext/ext.ts';
import { readGroups, tablesOf } from '../../../../src/backup/allocation/ext/groups.ts';
import { findSuperblock, layoutOf } from '../../../../src/backup/allocation/ext/superblock.ts';
import { covers } from '../../../../src/backup/allocation/extents.ts';
import type { Volume } from '../../../../src/backup/allocation/volume.ts';
import { randomFrom } from '../../../model/random.ts';
import { scratchMemory } from '../../scratch.ts';
import { changeAnyhow, flipBit, whileChanged } from './mutations.ts';
import { volumeOfBytes } from './volumes.ts';

const rounds = process.env.STRATA_LONG === '1' ? 30_000 : 800;
const mib = 1024 ** 2;
const layout = '-b 1024 -g 1024';

it.each([
  ['any change', 'crc32c', `-t ext4 ${layout} -G 4 -J size=1`],
  ['any change', 'crc32c, meta_bg', `-t ext4 ${layout} -J size=1 -O meta_bg,^resize_inode,^flex_bg`],
  ['a flipped bit', 'crc16', `-t ext4 ${layout} -G 4 -J size=1 -O ^metadata_csum,uninit_bg`],
  ['a flipped bit', 'none', `-t ext3 ${layout} -J size=1`],
])('%s of the tables is noticed, or takes nothing for free (checksums: %s)', async (what, _checksums, kind) => {
  const bytes = await imageOf(kind);
  const volume = volumeOfBytes(bytes);
  const sound = await extAllocation(volume);
  if (sound === null || !('used' in sound)) throw new Error(`no map: ${JSON.stringify(sound)}`);
  const random = randomFrom(23);
  const change = what === 'a flipped bit' ? flipBit(random) : changeAnyhow(random);
  const places = await placesIn(volume);
  let noticed = 0;
  for (let round = 0; round < rounds; round++) {
    const at = (random.one(places) ?? 1) * 1024 + random.below(1024);
    const found = await whileChanged(bytes, at, change, () => extAllocation(volume));
    if (found !== null && 'used' in found) expect(covers(found.used, sound.used), `changed at ${at}`).toBe(true);
    else noticed++;
  }
  expect(noticed).toBeGreaterThan(rounds / 20);
});

it('is a reason or an answer whatever stands in the tables', async () => {
  const bytes = await imageOf(`-t ext2 ${layout}`);
  const volume = volumeOfBytes(bytes);
  const [sound, random, places] = [Buffer.from(bytes), randomFrom(29), await placesIn(volume)];
  for (let round = 0; round < rounds; round++) {
    if (round % 10 === 0) sound.copy(bytes);
    // Several changes stay for a while; most of the superblock must be left for anything to be asked at all.
    const at = (random.one(places) ?? 1) * 1024 + random.below(1024);
    if (at < 1024 || at >= 2048 || random.chance(0.1)) changeAnyhow(random)(bytes, at);
    else flipBit(random)(bytes, at);
    bytes.writeUInt16LE(0xef53, 1024 + 0x38);
    expect(await extAllocation(volume)).toHaveProperty('fileSystem');
  }
});

/** Blocks of the superblock, descriptors, bitmaps and the journal's beginning; the superblock often. */
async function placesIn(volume: Volume): Promise<number[]> {
  const fields = await findSuperblock(volume);
  if (fields === null) throw new Error('no superblock');
  const shape = layoutOf(fields, volume.size);
  const groups = await readGroups(volume, shape);
  const tables = tablesOf(shape, groups)
    .slice(0, 3)
    .map(([first]) => first);
  const bitmaps = groups.filter(({ untouched }) => !untouched).map(({ bitmap }) => bitmap);
  return [1, 1, 1, 1, 2, 2, ...tables, ...bitmaps, (groups[0]?.inodes ?? 0) + Math.floor((7 * shape.inodeSize) / 1024)];
}

/** An image with files in it, made without mounting. */
async function imageOf(kind: string): Promise<Buffer> {
  const folder = await scratchMemory();
  const [path, tree] = [join(folder, 'image'), join(folder, 'tree')];
  await mkdir(tree);
  for (let n = 0; n < 40; n++) await writeFile(join(tree, `${n}`), 'text of a file '.repeat(n * 90));
  await writeFile(path, '');
  await truncate(path, 6 * mib + 5 * 1024);
  const words = ['-q', '-F', ...kind.split(' '), '-E', 'lazy_itable_init=0,lazy_journal_init=0', '-d', tree, path];
  execFileSync('mkfs.ext4', words, { stdio: ['ignore', 'ignore', 'inherit'] });
  return readFile(path);
}
