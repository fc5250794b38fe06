/** The parts of the fuse-native driver that need no mount. The driver as a whole: test/conformance/mount-drivers.test.ts. */
import { randomBytes } from 'node:crypto';
import { constants } from 'node:os';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { inodeOf, NodeTree } from '../../../../src/mount/drivers/fuse-native/node-tree.ts';
import { PreparedImages } from '../../../../src/mount/drivers/fuse-native/prepared-images.ts';
import type { Content } from '../../../../src/native/images.ts';
import { native } from '../../../../src/native.ts';
import { inodeOf as wholeInodeOf } from '../../../conformance/disks.ts';
import { scratchFolder } from '../../scratch.ts';

const { EACCES, EIO } = constants.errno;

describe('the tree', () => {
  it('has the lower halves of the addon’s inode numbers', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (path) => {
        const half = Number(BigInt.asUintN(32, wholeInodeOf(path)));
        expect(inodeOf(path)).toBe(half < 2 ? half + 2 : half);
      }),
    );
    expect(inodeOf('')).toBe(1);
  });

  it('finds entries by their path, and folders’ names in their order', () => {
    const folder = (path: string) => ({ path, kind: 'folder', seconds: 1 }) as const;
    const tree = new NodeTree([
      folder('b'),
      folder('b/c'),
      { path: 'b/a', kind: 'text', seconds: 2, text: 'x', attributes: { id: '7' } },
      folder('a'),
    ]);
    expect(tree.size).toBe(5);
    expect(tree.find('')?.names).toEqual(['b', 'a']);
    expect(tree.find('b')?.names).toEqual(['c', 'a']);
    expect(tree.find('b/a')).toMatchObject({ entry: { text: 'x' }, attributes: new Map([['user.strata.id', '7']]) });
    expect(tree.find('c')).toBe(undefined);
  });

  it('refuses entries without their folder', () => {
    for (const path of ['a/b', 'text/b']) {
      const entries = [
        { path: 'text', kind: 'text', seconds: 0 },
        { path, kind: 'text', seconds: 0 },
      ] as const;
      expect(() => new NodeTree(entries)).toThrow(path);
    }
  });
});

describe('prepared images', () => {
  let asked: number[];
  let images: PreparedImages;

  beforeEach(() => {
    asked = [];
    images = new PreparedImages((image) => asked.push(image), false);
  });

  async function makeContent(size: number): Promise<Content> {
    const folder = await scratchFolder();
    const vault = native.createVault(randomBytes(32), false);
    const store = native.openReadStore({ vault, packs: { folder }, blockSize: 65536, cacheBytes: 0, threads: 1 });
    const point = await native.openPoint({ store, chain: [], size, folder });
    const [kinds, starts, sources] = [Uint8Array.of(1), Float64Array.of(0), Float64Array.of(0)];
    return native.openImage({ point, kinds, starts, sources, literals: new Uint8Array(), size });
  }

  it('are asked for once, however many wait', async () => {
    const content = await makeContent(1000);
    const waiting = [images.get(1), images.size(1), images.get(1)];
    expect([asked, images.waiting, images.kept]).toEqual([[1], 3, 0]);
    images.provide(1, content);
    expect(await Promise.all(waiting)).toEqual([content, 1000, content]);
    expect(await images.get(1)).toBe(content);
    expect([asked, images.waiting, images.kept]).toEqual([[1], 0, 1]);
  });

  it('are asked for again when they were refused', async () => {
    for (const times of [1, 2]) {
      const waiting = [images.get(1), images.size(1)];
      images.refuse(1, EACCES);
      for (const one of waiting) await expect(one).rejects.toMatchObject({ errno: EACCES });
      expect(asked).toHaveLength(times);
    }
  });

  it('are none, without an error, when they were refused with 0', async () => {
    const waiting = images.get(1);
    const size = images.size(1);
    images.refuse(1, 0);
    expect(await waiting).toBe(null);
    await expect(size).rejects.toMatchObject({ errno: EIO });
  });

  it('are taken without having been asked for', async () => {
    const content = await makeContent(5);
    images.refuse(2, EIO);
    images.provide(1, content);
    expect(await images.get(1)).toBe(content);
    expect(asked).toEqual([]);
  });

  it('are let go, the longest unused first, but their sizes stay known', async () => {
    const content = await makeContent(5);
    for (let image = 1; image <= 64; image++) images.provide(image, content);
    await images.get(1);
    images.provide(65, content);
    expect(images.kept).toBe(64);
    await images.get(1);
    expect(await images.size(2)).toBe(5);
    expect(asked).toEqual([]);
    const again = images.get(2);
    expect(asked).toEqual([2]);
    images.provide(2, content);
    expect(await again).toBe(content);
  });

  it('are all kept when they can be written', async () => {
    images = new PreparedImages((image) => asked.push(image), true);
    const content = await makeContent(5);
    for (let image = 1; image <= 100; image++) images.provide(image, content);
    expect(images.kept).toBe(100);
  });

  it('are an error for all who wait when it ends, and later', async () => {
    const waiting = [images.get(1), images.get(2), images.size(2)];
    images.end();
    for (const one of [...waiting, images.get(1)]) await expect(one).rejects.toMatchObject({ errno: EIO });
    expect(images.waiting).toBe(0);
  });

  it('are an error when they cannot even be asked for', async () => {
    images = new PreparedImages(() => {
      throw new Error('no');
    }, false);
    await expect(images.get(1)).rejects.toMatchObject({ errno: EIO });
  });
});
