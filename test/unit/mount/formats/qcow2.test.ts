import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { qcow2 } from '../../../../src/mount/formats/qcow2.ts';
import { scratchFolder } from '../../scratch.ts';
import { requestOf, sizes } from './cases.ts';
import { gib, makeDisk, mib, pairs, type TestDisk, tib, writeDisk } from './disks.ts';
import { imageOf, writeImage } from './image.ts';
import { openQcow2, type Qcow2 } from './qcow2-reader.ts';
import { noQemu, qemuCheck, qemuCompare, qemuSize, warnOfMissing } from './tools.ts';

warnOfMissing('qcow2.test.ts', noQemu);

const cases = sizes.map((size, n) => [size, makeDisk(requestOf(size, n))] as const);

function open(disk: TestDisk): Qcow2 {
  return openQcow2(imageOf(qcow2.layout(disk.point), disk));
}

/** Which pieces of the disk hold data. */
function piecesWithData({ point }: TestDisk, unit: number): number[] {
  const pieces = new Set<number>();
  for (const [offset, length] of pairs(point.data)) {
    const end = Math.min(offset + length, point.size);
    for (let n = Math.floor(offset / unit); n * unit < end; n++) pieces.add(n);
  }
  return [...pieces];
}

describe('a qcow2 image', () => {
  it.each(cases)('of %i bytes has only clusters that hold data, in order, and each counted once', (size, disk) => {
    const image = open(disk);
    expect(image.virtualSize).toBe(Math.ceil(size / 512) * 512);
    expect([...image.clusters.keys()]).toEqual(piecesWithData(disk, image.clusterSize));
    const places = [...image.clusters.values()];
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    for (const at of [...pairs(disk.point.data)].map(([offset]) => offset)) {
      const length = Math.min(mib, image.virtualSize - at);
      expect(image.read(at, length).equals(disk.read(at, length))).toBe(true);
    }
  });

  it.each([
    [mib, 64],
    [128 * gib, 64],
    [128 * gib + 512, 128],
    [tib, 512],
    [4 * tib, 2048],
    [60 * tib, 2048],
  ])('of %i bytes has clusters of %i KiB', (size, kibibytes) => {
    expect(open(makeDisk({ seed: 7, size, extents: 50 })).clusterSize).toBe(kibibytes * 1024);
  });

  it('of an empty disk has no tables of the second level', () => {
    const { point, read } = makeDisk({ seed: 7, size: gib });
    const empty = { point: { ...point, data: new Float64Array() }, read };
    expect(open(empty).clusters.size).toBe(0);
    expect(qcow2.layout(empty.point).size).toBe(4 * 65536);
  });

  it('of a full disk counts its own reference counts', () => {
    const { point, read } = makeDisk({ seed: 7, size: 100 * gib });
    const full = { point: { ...point, data: Float64Array.of(0, point.size) }, read };
    expect(open(full).clusters.size).toBe((100 * gib) / 65536);
  });

  it.skipIf(noQemu).each(cases)('of %i bytes is read by qemu, which finds nothing wrong', async (size, disk) => {
    const folder = await scratchFolder();
    const [path, rawPath] = [join(folder, 'disk.qcow2'), join(folder, 'disk.raw')];
    await writeImage(path, qcow2.layout(disk.point), disk);
    await writeDisk(rawPath, disk);
    expect(await qemuSize('qcow2', path)).toBe(Math.ceil(size / 512) * 512);
    const found = await qemuCheck('qcow2', path);
    expect(found).toMatchObject({ 'check-errors': 0, 'image-end-offset': qcow2.layout(disk.point).size });
    expect(found.leaks ?? found.corruptions ?? 0).toBe(0);
    await qemuCompare('qcow2', path, rawPath);
  });

  it.skipIf(noQemu)('of 60 TiB is clean for qemu', async () => {
    const disk = makeDisk({ seed: 8, size: 60 * tib, extents: 200 });
    const path = join(await scratchFolder(), 'disk.qcow2');
    await writeImage(path, qcow2.layout(disk.point), disk);
    expect(await qemuSize('qcow2', path)).toBe(60 * tib);
    const found = await qemuCheck('qcow2', path);
    expect(found).toMatchObject({ 'check-errors': 0 });
    expect(found.leaks ?? found.corruptions ?? 0).toBe(0);
  });
});
