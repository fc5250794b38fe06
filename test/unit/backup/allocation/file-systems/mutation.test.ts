/**
 * Damaged file systems: whatever is changed in what a parser reads, it ends, and it knows or says why it does not. Where all
 * that counts carries checksums, nothing that is in use is ever taken as free.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { covers } from '../../../../../src/backup/allocation/extents.ts';
import { type Volume, volumeOf } from '../../../../../src/backup/allocation/volume.ts';
import { type Random, randomFrom } from '../../../../model/random.ts';
import { announce } from '../../../mount/attach/images.ts';
import { scratchMemory } from '../../../scratch.ts';
import { changeAnyhow, whileChanged } from '../mutations.ts';
import { volumeOfBytes } from '../volumes.ts';
import { type KindName, kinds } from './kinds.ts';

const rounds = process.env.STRATA_LONG === '1' ? 4000 : 80;
const mebibyte = 1024 * 1024;

interface Case {
  readonly name: KindName;
  readonly mebibytes: number;
  readonly options: readonly string[];
  readonly steps: number;
  readonly checked: boolean;
}

const cases: readonly Case[] = [
  { name: 'xfs', mebibytes: 24, options: ['-b', 'size=1024'], steps: 60, checked: true },
  // Not every kernel mounts version 4.
  { name: 'xfs', mebibytes: 24, options: ['-m', 'crc=0'], steps: 0, checked: false },
  { name: 'btrfs', mebibytes: 128, options: ['-n', '4096', '-m', 'single'], steps: 60, checked: true },
  { name: 'ntfs', mebibytes: 16, options: ['-c', '512'], steps: 60, checked: false },
  { name: 'exfat', mebibytes: 16, options: [], steps: 60, checked: false },
  { name: 'vfat', mebibytes: 8, options: ['-F', '16', '-s', '1'], steps: 60, checked: false },
];

describe.each(cases)('a damaged $name made with $options', ({ name, mebibytes, options, steps, checked }) => {
  const kind = kinds[name];

  it.skipIf(announce(name, kind.whyNot))('is known or not, and takes nothing as free by mistake', async () => {
    const image = join(await scratchMemory(), 'image');
    kind.make(image, mebibytes * mebibyte, options);
    if (steps > 0) kind.age(image, randomFrom(5), steps);
    const bytes = readFileSync(image);
    const read: [number, number][] = [];
    const sound = await kind.parser(watched(volumeOfBytes(bytes), read));
    if (sound === null || !('used' in sound)) throw new Error(`${name} is not known: ${sound?.unknown}`);
    const random = randomFrom(rounds);
    const known = { same: 0, other: 0, unknown: 0 };
    const volume = volumeOfBytes(bytes);
    for (let round = 0; round < rounds; round++) {
      const at = placeIn(read, random);
      const found = await whileChanged(bytes, at, changeAnyhow(random), () => kind.parser(volume));
      if (found === null || 'unknown' in found) known.unknown++;
      else if (covers(found.used, sound.used)) known.same++;
      else known.other++;
    }
    expect(known.unknown).toBeGreaterThan(rounds / 20);
    if (checked) expect(known.other).toBe(0);
  });
});

/** Notes what is read. */
function watched(volume: Volume, read: [number, number][]): Volume {
  return volumeOf(volume.size, (offset, length) => {
    read.push([offset, length]);
    return volume.read(offset, length);
  });
}

/** Somewhere in what is read; structures begin with what leads to others. */
function placeIn(read: readonly [number, number][], random: Random): number {
  const [offset, length] = random.one(read) as [number, number];
  return offset + random.below(random.chance(0.5) ? Math.min(length, 128) : length);
}
