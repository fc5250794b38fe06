import { randomBytes } from 'node:crypto';
import { access, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ObjectStore } from '../../src/repository/stores/store.ts';

/** What every object store must hold to; `make` gives an empty one. */
export function describeStore(name: string, make: () => Promise<ObjectStore>): void {
  describe(`${name} is an object store`, () => {
    it.each([0, 1, 4096, 1_000_000])('gives back an object of %i bytes', async (bytes) => {
      const store = await make();
      const content = randomBytes(bytes);
      await store.put('points/a', content);
      expect((await store.get('points/a')).equals(content)).toBe(true);
      expect(await store.stat('points/a')).toMatchObject({ name: 'points/a', bytes });
    });

    it('never overwrites', async () => {
      const store = await make();
      await store.put('points/a', Buffer.from('first'));
      await expect(store.put('points/a', Buffer.from('second'))).rejects.toMatchObject({ code: 'OBJECT_EXISTS' });
      expect((await store.get('points/a')).toString()).toBe('first');
    });

    it('lets one of many writers of a name win', async () => {
      const store = await make();
      const writers = Array.from({ length: 8 }, (_, n) => store.put('leases/a', Buffer.from(`writer ${n}`)));
      const outcomes = await Promise.allSettled(writers);
      const winners = outcomes.flatMap(({ status }, n) => (status === 'fulfilled' ? [n] : []));
      expect(winners).toHaveLength(1);
      expect((await store.get('leases/a')).toString()).toBe(`writer ${winners[0]}`);
      for (const outcome of outcomes) {
        if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'OBJECT_EXISTS' });
      }
    });

    it('adopts a spooled file', async () => {
      const store = await make();
      const file = join(await store.spool('a'.repeat(24)), 'pack');
      await writeFile(file, 'content');
      await store.adopt('packs/0f/x', file);
      expect((await store.get('packs/0f/x')).toString()).toBe('content');
      await expect(access(file)).rejects.toMatchObject({ code: 'ENOENT' });
    });

    it('adopts nothing under a name that is taken', async () => {
      const store = await make();
      await store.put('packs/0f/x', Buffer.from('first'));
      const file = join(await store.spool('a'.repeat(24)), 'pack');
      await writeFile(file, 'second');
      await expect(store.adopt('packs/0f/x', file)).rejects.toMatchObject({ code: 'OBJECT_EXISTS' });
      expect((await store.get('packs/0f/x')).toString()).toBe('first');
      expect(await readFile(file, 'utf8')).toBe('second');
    });

    it('gives parts of an object', async () => {
      const store = await make();
      const content = randomBytes(10_000);
      await store.put('packs/00/x', content);
      expect((await store.getRange('packs/00/x', 1234, 4321)).equals(content.subarray(1234, 5555))).toBe(true);
      expect((await store.getRange('packs/00/x', 9000, 4096)).equals(content.subarray(9000))).toBe(true);
      await expect(store.getRange('packs/00/none', 0, 1)).rejects.toMatchObject({ code: 'OBJECT_MISSING' });
    });

    it('says what is missing', async () => {
      const store = await make();
      expect(await store.stat('points/none')).toBeNull();
      await expect(store.get('points/none')).rejects.toMatchObject({
        code: 'OBJECT_MISSING',
        params: { name: 'points/none' },
      });
    });

    it('lists by prefix, folders and parts of names', async () => {
      const store = await make();
      const names = ['strata.json', 'points/aa', 'points/ab', 'points/b', 'packs/00/x', 'packs/ff/y'];
      for (const name of names) await store.put(name, Buffer.from(name));
      await store.spool('a'.repeat(24));
      expect(await namesOf(store, '')).toEqual([...names].sort());
      expect(await namesOf(store, 'points/')).toEqual(['points/aa', 'points/ab', 'points/b']);
      expect(await namesOf(store, 'points/a')).toEqual(['points/aa', 'points/ab']);
      expect(await namesOf(store, 'packs/')).toEqual(['packs/00/x', 'packs/ff/y']);
      expect(await namesOf(store, 'maps/')).toEqual([]);
    });

    it('removes, also what is not there', async () => {
      const store = await make();
      await store.put('marks/a', Buffer.from('a'));
      await store.remove('marks/a');
      await store.remove('marks/a');
      expect(await store.stat('marks/a')).toBeNull();
      await store.put('marks/a', Buffer.from('b'));
      expect((await store.get('marks/a')).toString()).toBe('b');
    });

    it('has its objects where the addon can read them', async () => {
      const store = await make();
      await store.put('maps/x', Buffer.from('content'));
      const objects = [
        { name: 'maps/x', bytes: 7 },
        { name: 'maps/none', bytes: 7 },
      ];
      expect(await store.bring(objects)).toEqual([7, null]);
      expect(await readFile(store.localPath('maps/x'), 'utf8')).toBe('content');
    });

    it('removes many at once', async () => {
      const store = await make();
      const names = Array.from({ length: 30 }, (_, n) => `bad/${n}`);
      for (const name of names) await store.put(name, Buffer.from('x'));
      await store.removeAll([...names.slice(1), 'bad/none']);
      expect(await namesOf(store, 'bad/')).toEqual(['bad/0']);
    });

    it('keeps a spool folder for each run until it is cleared', async () => {
      const store = await make();
      const [a, b] = ['a'.repeat(24), 'b'.repeat(24)];
      await writeFile(join(await store.spool(a), 'half'), 'x');
      await store.spool(b);
      await store.spool(b);
      expect([...(await store.spools())].sort()).toEqual([a, b]);
      await store.clearSpool(a);
      await store.clearSpool(a);
      expect(await store.spools()).toEqual([b]);
    });
  });
}

async function namesOf(store: ObjectStore, prefix: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of store.list(prefix)) names.push(name);
  return names.sort();
}
