import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { raw } from '../../../../src/mount/formats/raw.ts';
import { descriptor, extent, vmdk, whyNotExported } from '../../../../src/mount/formats/vmdk.ts';
import { scratchFolder } from '../../scratch.ts';
import { requestOf, sizes } from './cases.ts';
import { makeDisk, mib, tib, writeDisk } from './disks.ts';
import { imageOf, writeImage } from './image.ts';
import { noQemu, qemuCompare, qemuSize, warnOfMissing } from './tools.ts';

warnOfMissing('vmdk.test.ts', noQemu);

const cases = sizes.map((size, n) => [size, makeDisk(requestOf(size, n))] as const);

describe('a VMDK', () => {
  it('is a text that names the extent beside it', () => {
    const disk = makeDisk({ seed: 7, size: 70 * mib });
    const text = imageOf(vmdk.layout(disk.point), disk).read(0, vmdk.layout(disk.point).size).toString();
    expect(text).toMatch(/^# Disk DescriptorFile\nversion=1\n/);
    expect(text).toMatch(/\nCID=[0-7][0-9a-f]{7}\nparentCID=ffffffff\ncreateType="vmfs"\n/);
    expect(text).toContain('\nRW 143360 VMFS "disk.raw"\n');
    expect(text).toContain('\nddb.geometry.cylinders = "9"\n');
  });

  it('has another content id for another point', () => {
    const { point } = makeDisk({ seed: 7, size: mib });
    expect(vmdk.layout(point)).toEqual(vmdk.layout({ ...point, time: '2000-01-01T00:00:00Z' }));
    expect(vmdk.layout(point)).not.toEqual(vmdk.layout({ ...point, id: 'b'.repeat(24) }));
  });

  it('holds disks of up to 62 TiB, in the mount of whole sectors', () => {
    expect(vmdk.whyNot({ size: 62 * tib, sectorSize: 512 })).toBeNull();
    expect(vmdk.whyNot({ size: 62 * tib + 512, sectorSize: 512 })).toBe('it has more than 62 TiB');
    expect(vmdk.whyNot({ size: mib, sectorSize: 4096 })).toMatch(/^its sectors have 4096 bytes/);
    expect(vmdk.whyNot({ size: mib + 1, sectorSize: 512 })).toBe('its size is no multiple of 512');
    expect(whyNotExported({ size: mib + 1, sectorSize: 512 })).toBeNull();
  });

  it.skipIf(noQemu).each(cases)('of %i bytes with its own extent is read by qemu', async (size, disk) => {
    const folder = await scratchFolder();
    const [path, rawPath] = [join(folder, 'größe 1.vmdk'), join(folder, 'disk.raw')];
    await writeImage(path, descriptor(disk.point, 'größe 1-flat.vmdk'), disk);
    await writeImage(join(folder, 'größe 1-flat.vmdk'), extent(disk.point), disk);
    await writeDisk(rawPath, disk);
    expect(await qemuSize('vmdk', path)).toBe(Math.ceil(size / 512) * 512);
    await qemuCompare('vmdk', path, rawPath);
  });

  const whole = cases.filter(([, { point }]) => vmdk.whyNot(point) === null);
  it.skipIf(noQemu).each(whole)('of %i bytes over the raw image beside it is read by qemu', async (size, disk) => {
    const folder = await scratchFolder();
    const path = join(folder, vmdk.fileName);
    await writeImage(path, vmdk.layout(disk.point), disk);
    await writeDisk(join(folder, raw.fileName), disk);
    expect(await qemuSize('vmdk', path)).toBe(size);
    await qemuCompare('vmdk', path, join(folder, raw.fileName));
  });
});
