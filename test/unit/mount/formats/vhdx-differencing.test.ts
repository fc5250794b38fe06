import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Layout } from '../../../../src/mount/formats/segment.ts';
import { vhdx } from '../../../../src/mount/formats/vhdx.ts';
import {
  differencingLayout,
  type ParentImage,
  whyNoDifferencing,
} from '../../../../src/mount/formats/vhdx-differencing.ts';
import { scratchFolder } from '../../scratch.ts';
import { gib, kib, makeChild, makeDisk, mib, type TestDisk, tib, writeDisk } from './disks.ts';
import { imageOf, writeImage } from './image.ts';
import { noVhdi, vhdiCompare, vhdiInfo, warnOfMissing } from './tools.ts';
import { openVhdx, type Vhdx } from './vhdx-reader.ts';

warnOfMissing('vhdx-differencing.test.ts', noVhdi);

function imageOfParent({ point }: TestDisk, baseId = point.id): ParentImage {
  const { id, size, sectorSize } = point;
  return { id, size, sectorSize, baseId, relativePath: `..\\${id}\\disk.vhdx` };
}

function open(layout: Layout, disk: TestDisk): Vhdx {
  return openVhdx(imageOf(layout, disk));
}

/** A parent, its child and a grandchild, with what each of the two changed. */
function family(size: number, sectorSize: 512 | 4096) {
  const parent = makeDisk({ seed: 1, size, sectorSize, extents: 40 });
  const child = makeChild(parent, { seed: 2, size, extents: 30, longest: 70 });
  const grandchild = makeChild(child.disk, { seed: 3, size, extents: 20, longest: 5 });
  return { parent, child, grandchild };
}

const cases = ([512, 4096] as const).flatMap((sectorSize) =>
  [1, 512, 64 * kib, mib + 1, 70 * mib + 3 * 512, 5 * gib + 7 * 512].map((size) => [size, sectorSize] as const),
);

describe('a differencing VHDX', () => {
  it.each(cases)('of %i bytes in sectors of %i reads as its point, over its parent', (size, sectorSize) => {
    const { parent, child, grandchild } = family(size, sectorSize);
    const base = open(vhdx.layout(parent.point), parent);
    const middle = open(differencingLayout(child.disk.point, child.changed, imageOfParent(parent)), child.disk);
    const top = open(
      differencingLayout(grandchild.disk.point, grandchild.changed, imageOfParent(child.disk, parent.point.id)),
      grandchild.disk,
    );
    const { virtualSize } = base;
    expect([middle.virtualSize, top.virtualSize]).toEqual([virtualSize, virtualSize]);
    const readMiddle = (offset: number, length: number) => middle.read(offset, length, base.read);
    for (let at = 0; at < virtualSize; at += size > gib ? 37 * mib : mib) {
      const length = Math.min(mib, virtualSize - at);
      expect(readMiddle(at, length).equals(child.disk.read(at, length))).toBe(true);
      expect(top.read(at, length, readMiddle).equals(grandchild.disk.read(at, length))).toBe(true);
    }
  });

  it('has its parent in the locator, and the SCSI id of the first of the chain', () => {
    const { parent, child, grandchild } = family(mib, 512);
    const base = open(vhdx.layout(parent.point), parent);
    const middle = open(differencingLayout(child.disk.point, child.changed, imageOfParent(parent)), child.disk);
    const top = open(
      differencingLayout(grandchild.disk.point, grandchild.changed, imageOfParent(child.disk, parent.point.id)),
      grandchild.disk,
    );
    expect(Object.fromEntries(middle.parent ?? [])).toEqual({
      parent_linkage: `{${base.dataWrite}}`,
      relative_path: `..\\${parent.point.id}\\disk.vhdx`,
    });
    expect(top.parent?.get('parent_linkage')).toBe(`{${middle.dataWrite}}`);
    expect([middle.page83, top.page83]).toEqual([base.page83, base.page83]);
    const whole = open(vhdx.layout(child.disk.point), child.disk);
    expect([middle.dataWrite === whole.dataWrite, middle.fileWrite === whole.fileWrite]).toEqual([true, false]);
  });

  it('holds what changed and nothing else', () => {
    const disk = makeDisk({ seed: 7, size: 5 * gib + 512 });
    const block = 2 * mib;
    const end = Math.floor(disk.point.size / block) * block;
    // Part of a block; a whole one; parts around a whole one, across the end of a chunk; two parts of one; the last.
    const changes: [number, number][] = [
      [64 * kib, 128 * kib],
      [2 * block, block],
      [4 * gib - block - 64 * kib, 2 * block + 128 * kib],
      [4.5 * gib, 64 * kib],
      [4.5 * gib + 192 * kib, 64 * kib],
      [end, 64 * kib],
    ];
    const layout = differencingLayout(disk.point, Float64Array.from(changes.flat()), imageOfParent(disk));
    const { payload, bitmaps, batSize } = open(layout, disk);
    // libvhdi needs the bitmap of every chunk.
    expect(bitmaps.map(({ state }) => state)).toEqual([6, 6]);
    const present = [...payload.entries()].filter(([, { state }]) => state !== 0);
    const first = 3 * mib + batSize + bitmaps.length * mib;
    const chunk = (4 * gib) / block;
    expect(present.map(([n, { state }]) => [n, state])).toEqual([
      [0, 7],
      [2, 6],
      [chunk - 2, 7],
      [chunk - 1, 6],
      [chunk, 6],
      [chunk + 1, 7],
      [(4.5 * gib) / block, 7],
      [end / block, 6],
    ]);
    expect(present.map(([, { place }]) => place)).toEqual(present.map((_, n) => first + n * block));
    const given = layout.segments.filter((segment) => segment.kind === 'disk');
    expect(given.map(({ offset, length }) => [offset, length])).toEqual([...changes.slice(0, -1), [end, 512]]);
  });

  it('is refused when the disk is not like its parent', () => {
    const { point } = makeDisk({ seed: 7, size: gib });
    const parent = imageOfParent({ point, read: () => Buffer.alloc(0) });
    expect(whyNoDifferencing(point, parent)).toBeNull();
    expect(whyNoDifferencing({ ...point, size: gib - 1 }, parent)).toBeNull();
    expect(whyNoDifferencing(point, { ...parent, size: gib + 1 })).toBe('its size is not that of its parent');
    expect(whyNoDifferencing(point, { ...parent, sectorSize: 4096 })).toMatch(/^its sectors have 512 bytes/);
    const huge = { size: 65 * tib };
    expect(whyNoDifferencing({ ...point, ...huge }, { ...parent, ...huge })).toBe('it has more than 64 TiB');
  });

  it.skipIf(noVhdi).each(cases)('of %i bytes in sectors of %i is read by libvhdi', async (size, sectorSize) => {
    const { parent, child, grandchild } = family(size, sectorSize);
    const folder = await scratchFolder();
    const place = async (disk: TestDisk, layout: Layout): Promise<string> => {
      await mkdir(join(folder, disk.point.id));
      const path = join(folder, disk.point.id, 'disk.vhdx');
      await writeImage(path, layout, disk);
      return path;
    };
    const rawPath = join(folder, 'disk.raw');
    const base = await place(parent, vhdx.layout(parent.point));
    const middle = await place(child.disk, differencingLayout(child.disk.point, child.changed, imageOfParent(parent)));
    const top = await place(
      grandchild.disk,
      differencingLayout(grandchild.disk.point, grandchild.changed, imageOfParent(child.disk, parent.point.id)),
    );
    const info = await vhdiInfo(middle);
    expect(info.get('Disk type')).toBe('Differential');
    expect(info.get('Parent identifier')).toBe((await vhdiInfo(base)).get('Identifier'));
    await writeDisk(rawPath, child.disk);
    expect(await vhdiCompare(rawPath, middle, base)).toBe(Math.ceil(size / sectorSize) * sectorSize);
    await writeDisk(rawPath, grandchild.disk);
    await vhdiCompare(rawPath, top, middle, base);
  });
});
