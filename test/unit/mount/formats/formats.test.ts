/** What holds for every format. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type FormatName, formats } from '../../../../src/mount/formats/formats.ts';
import type { Layout, PointDisk } from '../../../../src/mount/formats/segment.ts';
import { differencingLayout } from '../../../../src/mount/formats/vhdx-differencing.ts';
import { kib, makeChild, makeDisk, mib, randomFrom, type TestDisk, tib } from './disks.ts';
import { type Image, imageOf, lengthOf } from './image.ts';
import { openQcow2 } from './qcow2-reader.ts';
import { openVhdx } from './vhdx-reader.ts';

const names = Object.keys(formats) as FormatName[];

function differencing(point: PointDisk): Layout {
  const { size, sectorSize } = point;
  const id = 'e'.repeat(24);
  return differencingLayout(point, point.data, { id, size, sectorSize, baseId: id, relativePath: '..\\1\\disk.vhdx' });
}

/** Tells layouts apart by each byte and each segment. */
function digestOf({ size, segments }: Layout): string {
  const hash = createHash('sha256').update(`${size}\n`);
  for (const segment of segments) {
    hash.update(`${segment.kind} ${segment.kind === 'disk' ? segment.offset : ''} ${lengthOf(segment)}\n`);
    if (segment.kind === 'literal') hash.update(segment.bytes);
  }
  return hash.digest('hex').slice(0, 32);
}

describe('all formats', () => {
  it('have names of their own', () => {
    expect(names.map((name) => formats[name].fileName)).toEqual(names.map((name) => `disk.${name}`));
  });

  it.each([...names, 'differencing'] as const)('give the same for the same point: %s', (name) => {
    const layout = name === 'differencing' ? differencing : formats[name].layout;
    for (const size of [mib, 70 * mib, tib]) {
      expect(digestOf(layout(makeDisk({ seed: 7, size }).point))).toBe(
        digestOf(layout(makeDisk({ seed: 7, size }).point)),
      );
    }
  });

  it.each([...names, 'differencing'] as const)('have no empty segments, and as many bytes as they say: %s', (name) => {
    const layout = name === 'differencing' ? differencing : formats[name].layout;
    for (const size of [1, 512, mib, 70 * mib, tib]) {
      const { size: stated, segments } = layout(makeDisk({ seed: 7, size }).point);
      expect(segments.filter((segment) => lengthOf(segment) <= 0)).toEqual([]);
      expect(segments.reduce((sum, segment) => sum + lengthOf(segment), 0)).toBe(stated);
    }
  });
});

describe('formats that tell the size of an image without its layout', () => {
  it.each(names.filter((name) => formats[name].sizeOf !== null))(
    'tell that of the layout, whatever the content: %s',
    (name) => {
      for (const size of [512, mib, 70 * mib + 1, 70 * mib, tib]) {
        const { point } = makeDisk({ seed: 7, size });
        if (formats[name].whyNot(point) !== null) continue;
        const empty = { ...point, data: new Float64Array() };
        expect(formats[name].sizeOf?.(point)).toBe(formats[name].layout(point).size);
        expect(formats[name].layout(empty).size).toBe(formats[name].layout(point).size);
      }
    },
  );

  it('are those whose images have room for all of the disk', () => {
    expect(names.filter((name) => formats[name].sizeOf !== null).toSorted()).toEqual(['raw', 'vhd', 'vmdk']);
  });
});

/** A change of any byte of an image changes these. They may change when an image is made otherwise on purpose. */
describe('the bytes are those that they were', () => {
  const disks = {
    small: makeDisk({ seed: 1, size: mib + 1 }),
    middle: makeDisk({ seed: 2, size: 70 * mib + 3 * 512 }),
    large: makeDisk({ seed: 3, size: tib, extents: 500 }),
    sectors: makeDisk({ seed: 4, size: 80 * mib, sectorSize: 4096 }),
  };
  const golden: Record<string, Record<string, string>> = {
    small: {
      differencing: 'b6a66197c3a51194af91892ac0397919',
      qcow2: 'af197f5f87b5ab113bca2da597dc5099',
      raw: '5b898b681fc5b4868bbaa74afe320546',
      vhd: '082bb49f724211f4f83621cb50ba5f7b',
      vhdx: '837370d327613d0af16e2874d28d874a',
      vmdk: 'its size is no multiple of 512',
    },
    middle: {
      differencing: 'f14cabd17802dcfb66145da8b5d47cbc',
      qcow2: 'ecef6b645a84d12d55a9ff3429234392',
      raw: 'fb96c619905b0e6c40e04fa60797f1a0',
      vhd: '55377ae6ee6800def2daecefcedd2fba',
      vhdx: '0272fee0ee40caf03006b3c313d8959e',
      vmdk: '68f477ef5f49cd8885c8d73dd6d045b9',
    },
    large: {
      differencing: '7faca53adaec5b019292b2813f42ec16',
      qcow2: '6537beadd1ec11a1e8caa684e5741ad5',
      raw: '6a148192ecc11e9a2c16d6a04d31a246',
      vhd: '4d64864da0c697b490b0feefed71003c',
      vhdx: '60aee74a495a90d444734211aafb4b74',
      vmdk: '33026cd50939d78f6c5ad3b0fa0e9ec4',
    },
    sectors: {
      differencing: 'f3fdc314bbda9e147db27d2a4b8995da',
      qcow2: 'e871f2dfa6ae35ecb720220bd21fa2f2',
      raw: '16c7e7077b7ceddd4fdbcf3658e9f29d',
      vhd: 'its sectors have 4096 bytes, those of a VHD always 512',
      vhdx: 'e6090de92286ec32431f65402ec1b38d',
      vmdk: 'its sectors have 4096 bytes, those of a VMDK always 512',
    },
  };
  it.each(Object.keys(disks) as (keyof typeof disks)[])('of the %s disk', (name) => {
    const { point } = disks[name];
    const digests = names.map((format) => [
      format,
      formats[format].whyNot(point) ?? digestOf(formats[format].layout(point)),
    ]);
    expect(Object.fromEntries([...digests, ['differencing', digestOf(differencing(point))]])).toEqual(golden[name]);
  });
});

describe('random disks', () => {
  it.each(Array.from({ length: 40 }, (_, n) => 100 + n))(
    'of seed %i are read by readers of the specifications',
    (seed) => {
      const random = randomFrom(seed);
      const size = 1 + Math.floor(random() * 9 * mib);
      const sectorSize = random() < 0.5 ? 512 : 4096;
      const extents = 1 + Math.floor(random() * 40);
      const parent = makeDisk({ seed, size, sectorSize, extents, longest: 30 });
      const child = makeChild(parent, { seed: seed + 1, size, extents, longest: 30 });
      const { disk, changed } = child;
      const over = { ...parent.point, baseId: parent.point.id, relativePath: 'x' };

      const image = openQcow2(imageOf(formats.qcow2.layout(disk.point), disk));
      expect(image.read(0, image.virtualSize).equals(disk.read(0, image.virtualSize))).toBe(true);
      const base = openVhdx(imageOf(formats.vhdx.layout(parent.point), parent));
      const top = openVhdx(imageOf(differencingLayout(disk.point, changed, over), disk));
      expect(base.read(0, base.virtualSize).equals(parent.read(0, base.virtualSize))).toBe(true);
      expect(top.read(0, base.virtualSize, base.read).equals(disk.read(0, base.virtualSize))).toBe(true);
    },
  );
});

describe('60 TiB in a million extents', () => {
  const disk = makeDisk({ seed: 5, size: 60 * tib, blockSize: 256 * kib, extents: 1_000_000, longest: 4 });
  const random = randomFrom(6);
  /** In and around extents, all over the disk. */
  const places = Array.from({ length: 200 }, () => {
    const n = 2 * Math.floor((random() * disk.point.data.length) / 2);
    return Math.max((disk.point.data[n] as number) + Math.floor((random() - 0.5) * 8) * 64 * kib, 0);
  });

  function checkContent(read: Image['read'], of: TestDisk): void {
    for (const at of places) {
      const length = Math.min(mib, of.point.size - at);
      expect(read(at, length).equals(of.read(at, length))).toBe(true);
    }
  }

  it('are a VHDX', () => {
    const image = openVhdx(imageOf(formats.vhdx.layout(disk.point), disk));
    checkContent(image.read, disk);
    expect(image.batSize).toBeLessThanOrEqual(17 * mib);
  });

  it('are a differencing VHDX', () => {
    const image = openVhdx(imageOf(differencing(disk.point), disk));
    // Behind it nothing, so that what is not the file's is zero as it is on the disk.
    checkContent((at, length) => image.read(at, length, (_, size) => Buffer.alloc(size)), disk);
    expect(image.bitmaps.every(({ state }) => state === 6)).toBe(true);
  });

  it('are a qcow2 image', () => {
    const image = openQcow2(imageOf(formats.qcow2.layout(disk.point), disk));
    checkContent(image.read, disk);
  });
});
