import { execFileSync } from 'node:child_process';
import { open, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { covers } from '../../../../src/backup/allocation/extents.ts';
import { indexEnd, parseCowHeader, readChanged } from '../../../../src/backup/tracing/cow-file.ts';
import { randomFrom } from '../../../model/random.ts';
import { hasLoop, mountNew } from '../../loop.ts';
import { scratchMemory } from '../../scratch.ts';
import { type CowContent, cowHeader, writeCowFile } from './cow-writer.ts';

const [uuid, sequence] = ['00112233445566778899aabbccddeeff', 7] as const;
const mib = 1024 ** 2;
/** Of a device of 100 MiB and a bit: seven sections, the last of which is not full. */
const size = 100 * mib + 512;
const first = indexEnd(size) / 4096;
const some = new Map([
  [0, 1],
  [1, first],
  [5000, first + 3],
  [25_599, 1],
]);
const tail = [100 * mib, 512] as const;

// 004-23, 004-24
describe('the file of a tracing driver', () => {
  it('has its fields where the documents of the drivers say', () => {
    const header = cowHeader({ size, uuid, sequence, entries: some });
    expect(header.subarray(0, 4).toString('hex')).toBe('a8120000');
    expect(parseCowHeader(header)).toEqual({
      clean: true,
      indexOnly: true,
      position: first + 4,
      size: 4096 + 7 * 4096 * 8,
      sequence,
      uuid,
      version: 1,
      changedBlocks: 4,
    });
  });

  it('as dattobd 0.12.1 wrote it is read', () => {
    // The first 64 bytes after a transition, of a device of 256 MiB in which 36 blocks had changed.
    const captured = Buffer.alloc(4096);
    captured.write('a812000003000000', 0, 'hex');
    captured.writeBigUInt64LE(129n, 8);
    captured.writeBigUInt64LE(528_384n, 16);
    captured.writeBigUInt64LE(1n, 24);
    captured.write('5653019309724c9f8465a5822601d5df', 32, 'hex');
    captured.writeBigUInt64LE(1n, 48);
    captured.writeBigUInt64LE(36n, 56);
    expect(parseCowHeader(captured)).toMatchObject({ clean: true, indexOnly: true, sequence: 1, changedBlocks: 36 });
    expect(indexEnd(256 * mib)).toBe(528_384);
  });

  it('names what changed, and counts what has no entry as changed', async () => {
    const path = await written({ entries: some });
    expect(await readChanged(path, { size, uuid, sequence })).toEqual([
      [0, 8192],
      [5000 * 4096, 4096],
      [25_599 * 4096, 4096 + 512],
    ]);
    expect(await readChanged(await written({}), { size, uuid, sequence })).toEqual([tail]);
    const whole = { size: 16 * mib, uuid, sequence };
    expect(await readChanged(await written({ size: 16 * mib }), whole)).toEqual([]);
    const all = new Map(Array.from({ length: 4096 }, (_, block) => [block, 1]));
    expect(await readChanged(await written({ size: 16 * mib, entries: all }), whole)).toEqual([[0, 16 * mib]]);
  });

  it.each<[string, Partial<CowContent>, RegExp]>([
    ['of another series', { uuid: 'f'.repeat(32) }, /another series/],
    ['of an earlier snapshot', { sequence: 6 }, /snapshot 6, not 7/],
    ['of a later snapshot', { sequence: 8 }, /snapshot 8, not 7/],
    ['that was not finished', { flags: 2 }, /did not finish/],
    ['of a snapshot', { flags: 1 }, /that of a snapshot/],
    ['with unknown flags', { flags: 11 }, /unknown flags/],
    ['that does not count', { version: 0 }, /version 0/],
    ['of a newer format', { version: 2 }, /version 2/],
    ['that counts too few', { entries: some, changedBlocks: 3 }, /counts 3 changes and names 4/],
    ['that counts too many', { entries: some, changedBlocks: 5 }, /counts 5 changes and names 4/],
    ['that counts nonsense', { entries: some, changedBlocks: 30_000 }, /more changes than/],
    ['of a larger disk', { size: 200 * mib }, /goes on behind its index/],
    ['of a smaller disk', { size: 50 * mib }, /another size of disk/],
    ['with an entry that lies in the index', { entries: new Map([[3, 2]]) }, /block 3 what cannot be/],
    ['with an entry past the end', { entries: new Map([[25_601, 1]]) }, /past the end/],
  ])('%s is refused', async (_, content, reason) => {
    const path = await written(content);
    await expect(readChanged(path, { size, uuid, sequence })).rejects.toThrow(reason);
  });

  it('that is cut off, empty, or something else is refused', async () => {
    const path = await written({ entries: some });
    for (const length of [indexEnd(size) - 1, 4097, 4096, 64, 63, 3, 0]) {
      await truncate(path, length);
      await expect(readChanged(path, { size, uuid, sequence }), `${length}`).rejects.toThrow(/ends/);
    }
    await writeFile(path, Buffer.alloc(indexEnd(size), 0x41));
    await expect(readChanged(path, { size, uuid, sequence })).rejects.toThrow(/does not begin as one/);
    await expect(readChanged(`${path}.missing`, { size, uuid, sequence })).rejects.toThrow(/cannot read/);
  });

  it('with any damage is refused, or still names all that changed', async () => {
    const random = randomFrom(4);
    const entries = new Map(Array.from({ length: 300 }, () => [random.below(25_600), 1]));
    const path = await written({ entries });
    const truth = await readChanged(path, { size, uuid, sequence });
    const whole = await readFile(path);
    let [refused, read] = [0, 0];
    for (let round = 0; round < 400; round++) {
      const damaged = Buffer.from(whole);
      // The header, an entry that is set, or any other; a byte of it, or a whole sector.
      const blocks = [...entries.keys()];
      const at =
        round % 3 === 0
          ? random.below(64)
          : round % 3 === 1
            ? 4096 + (blocks[random.below(blocks.length)] ?? 0) * 8 + random.below(8)
            : random.below(whole.length);
      if (random.chance(0.2)) damaged.fill(0, at - (at % 512), at - (at % 512) + 512);
      else damaged[at] = random.below(256);
      await writeFile(path, damaged);
      const outcome = await readChanged(path, { size, uuid, sequence }).catch((error: Error) => error.message);
      if (typeof outcome === 'string') {
        refused++;
        expect(outcome).toMatch(/the file of the driver/);
      } else {
        read++;
        expect(covers(outcome, truth), `round ${round}, byte ${at}`).toBe(true);
      }
    }
    expect(Math.min(refused, read)).toBeGreaterThan(10);
  });

  describe.skipIf(!hasLoop)('on a file system of its own (needs root and loop devices)', () => {
    it('is read where it is written, and nowhere else: of a disk of 100 TiB', async () => {
      const vast = 100 * 1024 ** 4;
      const entries = new Map([
        [12, 1],
        [20_000_000_000, 1],
      ]);
      const path = await written({ size: vast, entries }, (await mountNew('xfs')).folder);
      expect((await stat(path)).size).toBeGreaterThan(200 * 1024 ** 3);
      expect(await readChanged(path, { size: vast, uuid, sequence })).toEqual([
        [12 * 4096, 4096],
        [20_000_000_000 * 4096, 4096],
      ]);
    });

    it.each(['ext4', 'xfs'] as const)('is read when it was allocated before: %s', async (type) => {
      const { folder } = await mountNew(type);
      const bytes = await readFile(await written({ entries: some }, folder));
      const path = join(folder, 'allocated');
      execFileSync('fallocate', ['-l', `${bytes.length + mib}`, path]);
      const file = await open(path, 'r+');
      for (let at = 0; at < bytes.length; at += 4096) {
        if (bytes.subarray(at, at + 4096).some((byte) => byte !== 0)) await file.write(bytes, at, 4096, at);
      }
      await file.close();
      await expect(readChanged(path, { size, uuid, sequence })).rejects.toThrow(/goes on behind/);
      await truncate(path, bytes.length);
      expect(await readChanged(path, { size, uuid, sequence })).toHaveLength(3);
    });
  });
});

async function written(content: Partial<CowContent>, folder?: string): Promise<string> {
  const path = join(folder ?? (await scratchMemory()), 'cow');
  await writeCowFile(path, { size, uuid, sequence, ...content });
  return path;
}
