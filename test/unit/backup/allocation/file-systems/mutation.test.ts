/**
 * Damaged file systems: whatever is changed in what a parser reads, it ends, and it knows or says why it does not. Where all
 * that counts carries checksums, nothing that is in use is ever taken as free.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Allocation } from '../../../../../src/backup/allocation/allocation.ts';
import { covers } from '../../../../../src/backup/allocation/extents.ts';
import { type Volume, volumeOf } from '../../../../../src/backup/allocation/volume.ts';
import { type Random, randomFrom } from '../../../../model/random.ts';
import { announce } from '../../../mount/attach/images.ts';
import { scratchMemory } from '../../../scratch.ts';
import { volumeOfBytes } from '../volumes.ts';
import { type KindName, kinds } from './kinds.ts';

const rounds = process.env.STRATA_LONG === '1' ? 4000 : 100;
const mebibyte = 1024 * 1024;

interface Case {
  readonly name: KindName;
  readonly mebibytes: number;
  readonly options: readonly string[];
  readonly checked: boolean;
}

const cases: readonly Case[] = [
  { name: 'xfs', mebibytes: 24, options: ['-b', 'size=1024'], checked: true },
  { name: 'btrfs', mebibytes: 128, options: ['-n', '4096', '-m', 'single'], checked: true },
  { name: 'ntfs', mebibytes: 16, options: ['-c', '512'], checked: false },
  { name: 'exfat', mebibytes: 16, options: [], checked: false },
  { name: 'vfat', mebibytes: 8, options: ['-F', '16', '-s', '1'], checked: false },
];

describe.each(cases)('a damaged $name', ({ name, mebibytes, options, checked }) => {
  const kind = kinds[name];

  it.skipIf(announce(name, kind.whyNot))('is known or not, and takes nothing as free by mistake', async () => {
    const image = join(await scratchMemory(), 'image');
    kind.make(image, mebibytes * mebibyte, options);
    kind.age(image, randomFrom(5), 60);
    const bytes = readFileSync(image);
    const read: [number, number][] = [];
    const sound = await kind.parser(watched(volumeOfBytes(bytes), read));
    if (sound === null || !('used' in sound)) throw new Error(`${name} is not known: ${sound?.unknown}`);
    const random = randomFrom(rounds);
    const known = { same: 0, other: 0, unknown: 0 };
    for (let round = 0; round < rounds; round++) {
      const restore = damage(bytes, read, random);
      const found: Allocation | null = await kind.parser(volumeOfBytes(bytes));
      restore();
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

/** Changes a few bytes, or a sector, somewhere in what is read; returns what changes them back. */
function damage(bytes: Buffer, read: readonly [number, number][], random: Random): () => void {
  const undo: (() => void)[] = [];
  for (let count = 1 + random.below(3); count > 0; count--) {
    const [offset, length] = random.one(read) as [number, number];
    // Structures begin with what leads to others.
    const at = offset + random.below(random.chance(0.5) ? Math.min(length, 128) : length);
    const size = Math.min(random.one([1, 1, 2, 4, 8, 512]) as number, bytes.length - at);
    const before = Buffer.from(bytes.subarray(at, at + size));
    undo.unshift(() => before.copy(bytes, at));
    const kind = random.below(4);
    for (let n = at; n < at + size; n++)
      bytes[n] = [0, 0xff, random.below(256), (bytes[n] as number) ^ (1 << random.below(8))][kind] as number;
  }
  return () => {
    for (const step of undo) step();
  };
}
