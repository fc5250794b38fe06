import { describe, expect, it } from 'vitest';
import { parseSuperblock } from '../../../../src/mount/attach/btrfs.ts';
import { waysToMount, whyNotMounted } from '../../../../src/mount/attach/file-systems.ts';

describe('waysToMount', () => {
  it.each([
    ['ext3', 'ext4', 'ro,noload', 'rw'],
    ['xfs', 'xfs', 'ro,norecovery,nouuid', 'rw,nouuid'],
    ['btrfs', 'btrfs', 'ro,rescue=nologreplay', 'rw'],
    ['vfat', 'vfat', 'ro', 'rw'],
    ['iso9660', 'iso9660', 'ro', 'ro'],
  ])('of %s is %s with %s, and writable with %s', (fileSystem, driver, readOnly, writable) => {
    expect(waysToMount(fileSystem, false)).toEqual([{ driver, options: `${readOnly},nosuid,nodev` }]);
    expect(waysToMount(fileSystem, true)).toEqual([{ driver, options: `${writable},nosuid,nodev` }]);
  });

  it('tries the kernel before a server in user space', () => {
    expect(waysToMount('ntfs', false).map(({ driver }) => driver)).toEqual(['ntfs3', 'ntfs-3g']);
  });

  it.each(['luks', 'lvm', 'raid', 'swap', 'bitlocker', null])('of %s is none, and there is a reason', (content) => {
    expect(waysToMount(content, false)).toEqual([]);
    const { message, hint } = whyNotMounted(content, '/dev/loop7');
    expect(message).toMatch(/^\/dev\/loop7 is not mounted: it \S/);
    expect(hint).not.toContain('{');
  });
});

describe('parseSuperblock', () => {
  it('finds the UUID and how many devices there are', () => {
    const superblock = Buffer.alloc(4096);
    superblock.write('7c98c50227f34841976b14a853c6286a', 0x20, 'hex');
    superblock.writeBigUInt64LE(2n, 0x88);
    expect(parseSuperblock(superblock)).toEqual({ uuid: '7c98c502-27f3-4841-976b-14a853c6286a', devices: 2 });
  });
});
