import { execFileSync } from 'node:child_process';
import { mkdir, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  deviceName,
  devicesOn,
  fileIdentity,
  loopsOf,
  mountsOn,
  storageUnder,
  swapsOn,
} from '../../../src/repository/devices.ts';
import { attach, hasLoop, mount } from '../loop.ts';
import { scratchFolder } from '../scratch.ts';

const identify = async (path: string) => stat(path, { bigint: true });
const nameOf = async (device: string) => deviceName((await identify(device)).rdev);

describe('deviceName', () => {
  it.each([
    [0x0801n, '8:1'],
    [0xfe00n, '254:0'],
    [0x1000_0200_0000n, '4096:8192'],
    [0x0010_3456n, '52:342'],
  ])('of %i is %s', (number, name) => {
    expect(deviceName(number)).toBe(name);
  });
});

describe.skipIf(!hasLoop)('devices', () => {
  it('are followed down from a folder: loop device, its file, and the disk of that', async () => {
    const folder = await scratchFolder();
    const [image, inside] = [join(folder, 'image'), join(folder, 'mounted')];
    await writeFile(image, '');
    await truncate(image, 16 * 1024 * 1024);
    await mkdir(inside);
    const device = attach(image);
    mount(device, inside);
    const storage = await storageUnder(inside);
    const file = await identify(image);
    expect(storage.devices.has(await nameOf(device))).toBe(true);
    expect(storage.files.has(fileIdentity(file))).toBe(true);
    for (const below of (await storageUnder(folder)).devices) expect(storage.devices.has(below)).toBe(true);
    expect(await loopsOf(file)).toEqual([await nameOf(device)]);
  });

  it('tell what is mounted on them, and whether it can be written', async () => {
    const folder = await scratchFolder();
    const [image, inside] = [join(folder, 'image'), join(folder, 'mounted here')];
    await writeFile(image, '');
    await truncate(image, 16 * 1024 * 1024);
    await mkdir(inside);
    const device = attach(image);
    const devices = await devicesOn(await nameOf(device));
    expect(await mountsOn(devices)).toEqual([]);
    mount(device, inside, '-o', 'ro');
    expect(await mountsOn(devices)).toEqual([
      { device: await nameOf(device), at: inside, source: device, writable: false },
    ]);
    expect(await swapsOn(devices)).toEqual([]);
  });

  it('hold their partitions', async () => {
    const image = join(await scratchFolder(), 'image');
    await writeFile(image, partitioned());
    await truncate(image, 8 * 1024 * 1024);
    const device = attach(image);
    execFileSync('partx', ['--add', device]);
    const devices = await devicesOn(await nameOf(device));
    execFileSync('partx', ['--delete', device]);
    expect(devices.size).toBe(2);
    expect([...devices][0]).toBe(await nameOf(device));
  });
});

/** The first sector of a disk with one MBR partition of 4 MiB at 1 MiB. */
function partitioned(): Buffer {
  const sector = Buffer.alloc(512);
  sector[446 + 4] = 0x83;
  sector.writeUInt32LE(2048, 446 + 8);
  sector.writeUInt32LE(8192, 446 + 12);
  sector.writeUInt16LE(0xaa55, 510);
  return sector;
}
