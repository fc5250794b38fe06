import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { vhdx } from '../../../../src/mount/formats/vhdx.ts';
import { scratchFolder } from '../../scratch.ts';
import { requestOf, sizes } from './cases.ts';
import { gib, makeDisk, mib, pairs, type TestDisk, tib, writeDisk } from './disks.ts';
import { imageOf, writeImage } from './image.ts';
import {
  noQemu,
  noVhdi,
  qemuCheck,
  qemuCompare,
  qemuComparePart,
  qemuSize,
  vhdiCompare,
  vhdiInfo,
  warnOfMissing,
} from './tools.ts';
import { openVhdx, type Vhdx } from './vhdx-reader.ts';

warnOfMissing('vhdx.test.ts', noQemu, noVhdi);

const cases = ([512, 4096] as const).flatMap((sectorSize) =>
  sizes.map((size, n) => [size, sectorSize, makeDisk({ ...requestOf(size, n), sectorSize })] as const),
);

function open(disk: TestDisk): Vhdx {
  return openVhdx(imageOf(vhdx.layout(disk.point), disk));
}

describe('a VHDX', () => {
  it.each(cases)('of %i bytes in sectors of %i keeps to the specification', (size, sectorSize, disk) => {
    const image = open(disk);
    expect(image).toMatchObject({ creator: 'Strata', parent: null, sectorSize, physicalSectorSize: 4096 });
    expect(image.virtualSize).toBe(Math.ceil(size / sectorSize) * sectorSize);
    for (const at of [...pairs(disk.point.data)].map(([offset]) => offset)) {
      const length = Math.min(mib, image.virtualSize - at);
      expect(image.read(at, length).equals(disk.read(at, length))).toBe(true);
    }
  });

  it('has only the blocks that hold data, one behind the other, and says of all others that they are zero', () => {
    const disk = makeDisk({ seed: 7, size: gib });
    const block = 2 * mib;
    const data = Float64Array.of(0, 65536, 5 * block - 65536, 131072, gib - 65536, 65536);
    const image = open({ ...disk, point: { ...disk.point, data } });
    const present = [...image.payload.entries()].filter(([, { state }]) => state === 6);
    expect(present.map(([n, { place }]) => [n, place])).toEqual(
      [0, 4, 5, gib / block - 1].map((n, at) => [n, 3 * mib + image.batSize + at * block]),
    );
    expect(image.payload.filter(({ state }) => state === 2).length).toBe(gib / block - 4);
  });

  it.each([
    [mib, 2],
    [4 * tib, 2],
    [4 * tib + 512, 4],
    [16 * tib, 8],
    [60 * tib, 32],
    [64 * tib, 32],
  ])('of %i bytes has blocks of %i MiB, so that the table stays small', (size, mebibytes) => {
    const image = open(makeDisk({ seed: 7, size, extents: 50 }));
    expect(image.blockSize).toBe(mebibytes * mib);
    expect(image.batSize).toBeLessThanOrEqual(17 * mib);
  });

  it('has GUIDs of its point', () => {
    const disk = makeDisk({ seed: 7, size: mib });
    const other = open({ ...disk, point: { ...disk.point, id: 'b'.repeat(24) } });
    const ids = ({ fileWrite, dataWrite, page83 }: Vhdx) => [fileWrite, dataWrite, page83];
    expect(new Set([...ids(open(disk)), ...ids(other)]).size).toBe(6);
    for (const id of ids(other))
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it('holds disks of up to 64 TiB', () => {
    expect(vhdx.whyNot({ size: 64 * tib, sectorSize: 512 })).toBeNull();
    expect(vhdx.whyNot({ size: 64 * tib + 1, sectorSize: 512 })).toBe('it has more than 64 TiB');
  });

  // qemu takes the number of sectors of 4096 bytes for one of sectors of 512.
  const forQemu = cases.filter(([, sectorSize]) => sectorSize === 512);
  it.skipIf(noQemu).each(forQemu)('of %i bytes in sectors of %i is read by qemu', async (size, _, disk) => {
    const folder = await scratchFolder();
    const [path, rawPath] = [join(folder, 'disk.vhdx'), join(folder, 'disk.raw')];
    await writeImage(path, vhdx.layout(disk.point), disk);
    await writeDisk(rawPath, disk);
    const virtualSize = Math.ceil(size / 512) * 512;
    expect(await qemuSize('vhdx', path)).toBe(virtualSize);
    const part = 256 * mib;
    const parts = [0, 4 * gib - part / 2, virtualSize - part].map((offset) => [offset, part] as const);
    expect(await qemuCheck('vhdx', path)).toMatchObject({ 'check-errors': 0 });
    if (size < gib) await qemuCompare('vhdx', path, rawPath);
    // qemu knows no holes of a VHDX and takes long: the beginning, around the first bitmap's entry, the end.
    else for (const part of parts) await qemuComparePart('vhdx', path, rawPath, part);
  });

  it.skipIf(noVhdi).each(cases)('of %i bytes in sectors of %i is read by libvhdi', async (size, sectorSize, disk) => {
    const folder = await scratchFolder();
    const [path, rawPath] = [join(folder, 'disk.vhdx'), join(folder, 'disk.raw')];
    await writeImage(path, vhdx.layout(disk.point), disk);
    await writeDisk(rawPath, disk);
    const info = await vhdiInfo(path);
    expect([info.get('Disk type'), info.get('Identifier')]).toEqual(['Dynamic', open(disk).dataWrite]);
    expect(await vhdiCompare(rawPath, path)).toBe(Math.ceil(size / sectorSize) * sectorSize);
  });
});
