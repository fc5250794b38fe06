import { appendFile, mkdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { KeptRecords } from '../../../../src/repository/stores/kept-records.ts';
import { makeBytes } from '../../../model/bytes.ts';
import { scratchFolder } from '../../scratch.ts';

const names = (count: number) => Array.from({ length: count }, (_, n) => `points/${n}`);
const contents = (some: readonly string[]) => new Map(some.map((name, n) => [name, makeBytes(100 + n, n)]));
const place = async () => join(await scratchFolder(), 'deep', 'points');

describe('records that are kept', () => {
  it('are there for the next process, whoever added them', async () => {
    const path = await place();
    const [first, second] = [new KeptRecords(path), new KeptRecords(path)];
    const all = contents(names(5));
    await first.find(names(5));
    await second.find(names(5));
    await first.keep(new Map([...all].slice(0, 3)), new Set(names(5)));
    await second.keep(new Map([...all].slice(3)), new Set(names(5)));
    const found = await new KeptRecords(path).find([...names(5), 'points/none']);
    expect(found).toEqual(all);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it('end where the file was torn or changed, and are written anew then', async () => {
    const path = await place();
    await new KeptRecords(path).keep(contents(names(4)), null);
    const { size } = await stat(path);
    for (const spoil of [
      () => truncate(path, size - 1),
      () => appendFile(path, 'a torn end'),
      async () => {
        const bytes = await readFile(path);
        bytes[size - 5] = (bytes[size - 5] ?? 0) ^ 1;
        await writeFile(path, bytes);
      },
    ]) {
      await spoil();
      const again = new KeptRecords(path);
      const found = await again.find(names(4));
      expect([...found.keys()]).toEqual(expect.arrayContaining(names(3)));
      for (const [name, content] of found)
        expect(content.equals(contents(names(4)).get(name) ?? Buffer.alloc(0))).toBe(true);
      await again.keep(new Map([...contents(names(4))].slice(3)), new Set(names(4)));
      expect(await new KeptRecords(path).find(names(4))).toEqual(contents(names(4)));
      expect((await stat(path)).size).toBe(size);
    }
  });

  it('go when most of them are no longer asked for', async () => {
    const path = await place();
    const records = new KeptRecords(path);
    await records.keep(contents(names(10)), new Set(names(10)));
    const before = (await stat(path)).size;
    await records.keep(new Map(), new Set(names(4)));
    expect((await stat(path)).size).toBeLessThan(before / 2);
    expect([...(await new KeptRecords(path).find(names(10))).keys()]).toEqual(names(4));
  });

  it('are none where nothing can be written', async () => {
    const path = await place();
    await mkdir(path, { recursive: true });
    const records = new KeptRecords(path);
    await records.keep(contents(names(2)), null);
    expect(await new KeptRecords(path).find(names(2))).toEqual(new Map());
  });
});
