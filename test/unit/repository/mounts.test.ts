import { describe, expect, it } from 'vitest';
import { mountHolding, parseMountinfo, readMounts } from '../../../src/repository/mounts.ts';

const text = `22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime shared:1 master:2 - ext4 /dev/vda rw,discard
40 27 8:1 / /mnt/my\\040disk ro,relatime - ext4 /dev/sda1 rw
41 27 8:2 / /mnt/b rw,relatime - ext4 /dev/sda2 ro
42 27 0:45 /sub /mnt/btrfs rw - btrfs /dev/sdb rw,subvol=/sub
43 27 8:3 / /mnt/b rw - xfs /dev/sda3 rw
`;

describe('parseMountinfo', () => {
  it('reads devices, places and whether they can be written', () => {
    expect(parseMountinfo(text)).toEqual([
      { device: '0:21', at: '/proc', source: 'proc', writable: true },
      { device: '254:0', at: '/', source: '/dev/vda', writable: true },
      { device: '8:1', at: '/mnt/my disk', source: '/dev/sda1', writable: false },
      { device: '8:2', at: '/mnt/b', source: '/dev/sda2', writable: false },
      { device: '0:45', at: '/mnt/btrfs', source: '/dev/sdb', writable: true },
      { device: '8:3', at: '/mnt/b', source: '/dev/sda3', writable: true },
    ]);
  });

  it('reads those of this machine', async () => {
    expect((await readMounts()).some(({ at }) => at === '/proc')).toBe(true);
  });
});

describe('mountHolding', () => {
  it.each([
    ['/home/x', '254:0'],
    ['/mnt/my disk/x', '8:1'],
    ['/mnt/my disk2', '254:0'],
    ['/mnt/btrfs', '0:45'],
    ['/mnt/b/x', '8:3'],
  ])('of %s is %s', (path, device) => {
    expect(mountHolding(parseMountinfo(text), path)?.device).toBe(device);
  });
});
