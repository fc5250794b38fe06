/** Metadata of dm-era as era_restore makes it, and era_invalidate reads it. */
import { execFileSync } from 'node:child_process';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { metadataBlock, type ReadBlock, writtenSince } from '../../../../src/backup/trackers/era-metadata.ts';
import { randomFrom } from '../../../model/random.ts';
import { scratchFolder } from '../../scratch.ts';

const path = `${process.env.PATH}:/usr/sbin:/sbin`;
const hasTools = runs('era_restore', '--version') && runs('era_invalidate', '--version');
if (!hasTools)
  console.warn('era-metadata.test.ts is skipped: era_restore is missing (package thin-provisioning-tools)');

const block = 65536;

describe.skipIf(!hasTools)('the metadata of a device with eras', () => {
  it('tells the blocks that were written in an era or later', async () => {
    const image = await made({ count: 5000, current: 9, eras: { 0: 3, 1: 4, 7: 8, 1017: 5, 1018: 8, 4999: 8 } });
    expect(await since(image, 8, 5000)).toEqual([
      [7 * block, block],
      [1018 * block, block],
      [4999 * block, block],
    ]);
    expect(await since(image, 4, 5000)).toEqual([
      [block, block],
      [7 * block, block],
      [1017 * block, 2 * block],
      [4999 * block, block],
    ]);
    expect(await since(image, 9, 5000)).toEqual([]);
  });

  it('tells those, too, that stand in writesets', async () => {
    const writesets = { 6: [0, 63, 64, 4999], 8: [65, 66] };
    const image = await made({ count: 5000, current: 9, eras: { 3: 5, 66: 7 }, writesets });
    expect(await since(image, 7, 5000)).toEqual([[65 * block, 2 * block]]);
    expect(await since(image, 6, 5000)).toEqual([
      [0, block],
      [63 * block, 4 * block],
      [4999 * block, block],
    ]);
  });

  it('says what era_invalidate says, of any eras', async () => {
    const { below: random } = randomFrom(7);
    for (const count of [1, 64, 65, 1018, 1019, 3000, 20_000]) {
      const eras = Object.fromEntries(Array.from({ length: 60 }, () => [random(count), 1 + random(20)]));
      const bits = () => Array.from({ length: 40 }, () => random(count));
      const image = await made({ count, current: 21, eras, writesets: { 18: bits(), 19: bits(), 20: bits() } });
      for (const era of [1, 10, 19, 21]) {
        expect(blocksIn(await since(image, era, count)), `${count} ${era}`).toEqual(await told(image, era));
      }
    }
  });

  it('throws what is odd: any byte of a block that is read, any block in place of another', async () => {
    const { below: random } = randomFrom(11);
    const whole = await made({ count: 3000, current: 9, eras: { 5: 8 }, writesets: { 8: [1, 2, 2999] } });
    const read = new Set<number>();
    const noted: ReadBlock = async (number) => {
      read.add(number);
      return blockOf(whole, number);
    };
    const right = await writtenSince(noted, 0, 8, { block, count: 3000 });
    expect(right.length).toBeGreaterThan(0);
    expect(read.size).toBeGreaterThan(5);
    for (const number of read) {
      for (let time = 0; time < 20; time++) {
        const damaged: ReadBlock = async (it) => {
          const bytes = blockOf(whole, it);
          if (it !== number) return bytes;
          const at = random(metadataBlock);
          return Buffer.from(bytes).fill((bytes[at] ?? 0) ^ (1 << random(8)), at, at + 1);
        };
        await expect(writtenSince(damaged, 0, 8, { block, count: 3000 })).rejects.toThrow(/not as expected/);
      }
      const [other = 0] = [...read].filter((it) => it !== number);
      const exchanged: ReadBlock = async (it) => blockOf(whole, it === number ? other : it);
      await expect(writtenSince(exchanged, 0, 8, { block, count: 3000 })).rejects.toThrow(/not as expected/);
    }
    await expect(since(whole, 8, 2999)).rejects.toThrow(/another number of blocks/);
    await expect(
      writtenSince(async (it) => blockOf(whole, it), 0, 8, { block: 2 * block, count: 3000 }),
    ).rejects.toThrow(/another size/);
    await expect(since(whole.subarray(0, 3 * metadataBlock), 8, 3000)).rejects.toThrow(/cut off/);
  });
});

interface Eras {
  readonly count: number;
  readonly current: number;
  readonly eras: Readonly<Record<number, number>>;
  readonly writesets?: Readonly<Record<number, readonly number[]>>;
}

async function made({ count, current, eras, writesets = {} }: Eras): Promise<Buffer> {
  const folder = await scratchFolder();
  const [xml, image] = [join(folder, 'xml'), join(folder, 'image')];
  const sets = Object.entries(writesets).map(([era, blocks]) => {
    const bits = [...new Set(blocks)].map((bit) => `<bit block="${bit}" value="true"/>`);
    return `<writeset era="${era}" nr_bits="${count}">${bits.join('\n')}</writeset>`;
  });
  const array = Array.from({ length: count }, (_, number) => `<era block="${number}" era="${eras[number] ?? 0}"/>`);
  const superblock = `<superblock uuid="" block_size="128" nr_blocks="${count}" current_era="${current}">`;
  writeFileSync(
    xml,
    `${superblock}\n${sets.join('\n')}\n<era_array>\n${array.join('\n')}\n</era_array>\n</superblock>\n`,
  );
  writeFileSync(image, '');
  truncateSync(image, 4 * 1024 ** 2);
  execFileSync('era_restore', ['-q', '-i', xml, '-o', image], { env: { ...process.env, PATH: path }, stdio: 'pipe' });
  return readFileSync(image);
}

function since(image: Buffer, era: number, count: number) {
  return writtenSince(async (number) => blockOf(image, number), 0, era, { block, count });
}

function blockOf(image: Buffer, number: number): Buffer {
  return image.subarray(number * metadataBlock, (number + 1) * metadataBlock);
}

function blocksIn(extents: readonly (readonly [number, number])[]): number[] {
  return extents.flatMap(([offset, length]) => Array.from({ length: length / block }, (_, n) => offset / block + n));
}

/** What the tool says of metadata that nobody is at work on. */
async function told(image: Buffer, era: number): Promise<number[]> {
  const file = join(await scratchFolder(), 'image');
  writeFileSync(file, image);
  const words = ['--written-since', `${era}`, file];
  const output = execFileSync('era_invalidate', words, { env: { ...process.env, PATH: path }, encoding: 'utf8' });
  return [...output.matchAll(/<(?:block block="(\d+)"|range begin="(\d+)" end ?= ?"(\d+)") ?\/>/g)].flatMap(
    ([, one, begin, end]) => {
      const first = Number(one ?? begin);
      return Array.from({ length: one === undefined ? Number(end) - first : 1 }, (_, n) => first + n);
    },
  );
}

function runs(program: string, ...words: string[]): boolean {
  try {
    execFileSync(program, words, { env: { ...process.env, PATH: path }, stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
