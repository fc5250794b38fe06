import { truncate, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { arePacksWhole, listPacks, packName, runOfPack } from '../../../src/repository/packs.ts';
import { scratchRepository } from '../scratch.ts';

const id = `${'ab'.repeat(12)}0000001f`;

/** A pack as far as its length can be told: 16 bytes of head, 100 of frames, an index of 84, the end. */
function packOf(offset = 116, length = 84, magic = 'STRPEND1'): Buffer {
  const pack = Buffer.alloc(216);
  pack.writeUInt32LE(offset, 200);
  pack.writeUInt32LE(length, 204);
  pack.write(magic, 208);
  return pack;
}

describe('packs', () => {
  it('are named after their run and listed by id', async () => {
    expect([packName(id), runOfPack(id)]).toEqual([`packs/1f/${id}`, 'ab'.repeat(12)]);
    const repo = await scratchRepository();
    await repo.store.put(packName(id), packOf());
    await repo.store.put(`packs/00/${id}`, packOf());
    await repo.store.put('packs/00/notes', Buffer.from('x'));
    expect([...(await listPacks(repo)).values()]).toEqual([
      { id, path: repo.store.localPath(packName(id)), bytes: 216 },
    ]);
  });

  it('are whole when their end tells their length', async () => {
    const repo = await scratchRepository();
    await expect(arePacksWhole(repo, [id])).rejects.toMatchObject({ code: 'PACK_MISSING', exitCode: 13 });
    await repo.store.put(packName(id), packOf());
    expect(await arePacksWhole(repo, [id])).toBe(true);
    for (const bytes of [215, 200, 100, 31, 16, 0]) {
      await truncate(repo.store.localPath(packName(id)), bytes);
      expect(await arePacksWhole(repo, [id])).toBe(false);
    }
  });

  it('are whole, too, when a store joined them', async () => {
    const repo = await scratchRepository();
    await repo.store.put(packName(id), packOf(116, 84, 'STRPEND2'));
    expect(await arePacksWhole(repo, [id])).toBe(true);
  });

  it.each([
    ['another magic', packOf(116, 84, 'STRPEND3')],
    ['an index that begins in the head', packOf(15, 185)],
    ['an index that is too short', packOf(116, 83)],
  ])('are not whole with %s', async (_, pack) => {
    const repo = await scratchRepository();
    await repo.store.put(packName(id), Buffer.alloc(1));
    await writeFile(repo.store.localPath(packName(id)), pack);
    expect(await arePacksWhole(repo, [id])).toBe(false);
  });
});
