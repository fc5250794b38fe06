import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { attachDrive } from '../../../../src/mount/attach/attach.ts';
import { detachDrive } from '../../../../src/mount/attach/detach.ts';
import { openStage, requestFor } from './drives.ts';
import {
  announce,
  digestOf,
  hasProgram,
  loopsBelow,
  makeDirtyImage,
  makeDisk,
  makeImage,
  mebibyte,
  mountsBelow,
  run,
  whyNot,
} from './images.ts';

const noDisks = whyNot('ext4', 'xfs', 'btrfs', 'swap') || (hasProgram('sfdisk') ? '' : 'sfdisk is not installed');
const skipped = announce('attach.test.ts', noDisks);

describe.skipIf(skipped)('attachDrive', () => {
  it.each(['gpt', 'dos'] as const)('maps and mounts the partitions of a %s disk', async (label) => {
    const stage = await openStage();
    const [disk, at] = [stage.path('disk'), stage.path('mounted')];
    for (const type of ['ext4', 'xfs', 'swap'] as const) await makeImage(stage.path(type), type);
    await makeDisk(disk, label, [stage.path('ext4'), stage.path('xfs'), stage.path('swap'), null]);
    const before = await digestOf(disk);

    const drive = await stage.attach(disk, { at });
    const device = expect.stringMatching(/^\/dev\/loop\d+$/);
    expect(drive).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{8}$/),
      device,
      readOnly: true,
      partitions: [
        { number: 1, device, fileSystem: 'ext4', mountedAt: join(at, '1'), reason: null },
        { number: 2, device, fileSystem: 'xfs', mountedAt: join(at, '2'), reason: null },
        {
          number: 3,
          device,
          fileSystem: 'swap',
          mountedAt: null,
          reason: expect.objectContaining({ code: 'CONTENT_NOT_MOUNTED' }),
        },
        {
          number: 4,
          device,
          fileSystem: null,
          mountedAt: null,
          reason: expect.objectContaining({ code: 'CONTENT_UNKNOWN' }),
        },
      ],
    });
    expect(await readdir(at)).toEqual(['1', '2']);
    for (const [number, type] of [
      [1, 'ext4'],
      [2, 'xfs'],
    ] as const) {
      expect(await readFile(join(at, `${number}`, 'hello'), 'utf8')).toBe(type);
      await expect(writeFile(join(at, `${number}`, 'x'), '')).rejects.toThrow('EROFS');
    }
    const sizes = drive.partitions.map((partition) => Number(run('blockdev', '--getsize64', partition.device)));
    expect(sizes).toEqual([16, 32, 1, 1].map((size) => size * mebibyte));
    expect((await readFile(drive.device)).equals(await readFile(disk))).toBe(true);

    await detachDrive(stage.records, drive.id, { force: false });
    expect(await mountsBelow(stage.folder)).toEqual([]);
    expect(loopsBelow(stage.folder)).toEqual([]);
    expect(await readdir(stage.folder)).not.toContain('mounted');
    expect(await readdir(stage.records.folder)).toEqual([]);
    expect(await digestOf(disk)).toBe(before);
  });

  it('mounts one partition on the folder itself', async () => {
    const stage = await openStage();
    const [disk, at] = [stage.path('disk'), stage.path('mounted')];
    await makeImage(stage.path('ext4'), 'ext4');
    await makeDisk(disk, 'gpt', [null, stage.path('ext4')]);
    await mkdir(at);
    const drive = await stage.attach(disk, { at, partition: 2 });
    expect(drive.partitions).toEqual([
      { number: 2, device: drive.device, fileSystem: 'ext4', mountedAt: at, reason: null },
    ]);
    expect(await readFile(join(at, 'hello'), 'utf8')).toBe('ext4');
    expect(loopsBelow(stage.folder)).toEqual([drive.device]);
    await detachDrive(stage.records, drive.id, { force: false });
    // It was there before.
    expect(await readdir(at)).toEqual([]);
  });

  it('attaches without mounting when no folder is named', async () => {
    const stage = await openStage();
    await makeImage(stage.path('image'), 'ext4');
    const drive = await stage.attach(stage.path('image'));
    expect(drive.partitions).toEqual([
      { number: null, device: drive.device, fileSystem: 'ext4', mountedAt: null, reason: null },
    ]);
  });

  it.each(['ext3', 'ext4', 'xfs', 'btrfs'] as const)(
    'mounts %s with a dirty journal without changing a byte; writable it replays',
    async (type) => {
      const stage = await openStage();
      const [image, at] = [stage.path('image'), stage.path('mounted')];
      await makeDirtyImage(image, type);
      const before = await digestOf(image);
      const drive = await stage.attach(image, { at });
      expect(drive.partitions).toMatchObject([{ number: null, fileSystem: type, mountedAt: at, reason: null }]);
      expect(await readFile(join(at, 'hello'), 'utf8')).toBe(type);
      await detachDrive(stage.records, drive.id, { force: false });
      expect(await digestOf(image)).toBe(before);

      const writable = await stage.attach(image, { at, writable: true, overlay: '/overlay' });
      expect(writable.readOnly).toBe(false);
      expect(await readFile(join(at, 'late'), 'utf8')).toBe('late');
      await writeFile(join(at, 'new'), 'new');
      expect(await detachDrive(stage.records, writable.id, { force: false })).toMatchObject({ overlay: '/overlay' });

      const again = await stage.attach(image, { at });
      expect(await readFile(join(at, 'new'), 'utf8')).toBe('new');
      await detachDrive(stage.records, again.id, { force: false });
    },
  );

  it('mounts XFS beside its original', async () => {
    const stage = await openStage();
    await makeImage(stage.path('original'), 'xfs');
    const original = await stage.attach(stage.path('original'), { at: stage.path('a'), writable: true });
    const copy = await stage.attach(stage.path('original'), { at: stage.path('b') });
    for (const { partitions } of [original, copy]) expect(partitions[0]?.reason).toBe(null);
  });

  it('does not mount Btrfs beside its original, says why, and does after that is gone', async () => {
    const stage = await openStage();
    const [image, at] = [stage.path('image'), stage.path('mounted')];
    await makeImage(image, 'btrfs');
    const original = await stage.attach(image, { at: stage.path('original') });
    const refused = await stage.attach(image, { at });
    expect(refused.partitions).toMatchObject([
      {
        fileSystem: 'btrfs',
        mountedAt: null,
        reason: {
          code: 'UUID_CLASH',
          message: expect.stringContaining(`that of ${original.device} at ${stage.path('original')}`),
          hint: expect.stringContaining(`btrfstune -m ${refused.device}`),
        },
      },
    ]);
    expect(await readdir(stage.folder)).not.toContain('mounted');
    for (const { id } of [refused, original]) await detachDrive(stage.records, id, { force: false });
    const alone = await stage.attach(image, { at });
    expect(alone.partitions).toMatchObject([{ mountedAt: at, reason: null }]);
  });

  it('does not mount one of several devices of a Btrfs', async () => {
    const stage = await openStage();
    const images = [stage.path('a'), stage.path('b')];
    for (const image of images) run('truncate', '--size', '128M', image);
    run('mkfs.btrfs', '-q', ...images);
    const { partitions } = await stage.attach(stage.path('a'), { at: stage.path('mounted') });
    const reason = { code: 'CONTENT_NOT_MOUNTED', message: expect.stringContaining('one of the 2 devices of a Btrfs') };
    expect(partitions).toMatchObject([{ fileSystem: 'btrfs', mountedAt: null, reason }]);
  });

  it('follows the advice: a writable copy of Btrfs with a UUID of its own can be mounted', async () => {
    const stage = await openStage();
    const image = stage.path('image');
    await makeImage(image, 'btrfs');
    await stage.attach(stage.path('image'), { at: stage.path('original') });
    run('cp', '--sparse=always', image, stage.path('copy'));
    const copy = await stage.attach(stage.path('copy'), { writable: true });
    run('btrfstune', '-m', copy.device);
    await mkdir(stage.path('copied'));
    run('mount', copy.device, stage.path('copied'));
    expect(await readFile(stage.path('copied/hello'), 'utf8')).toBe('btrfs');
  });

  it('says what a member of something larger is, and leaves it a device', async () => {
    const stage = await openStage();
    const marks = [
      ['luks', 0, 'LUKS\u00ba\u00be', 'cryptsetup open'],
      ['lvm', 512, 'LABELONE', 'vgimportclone'],
      ['raid', 4096, '\u00fcN+\u00a9', 'mdadm'],
      ['bitlocker', 3, '-FVE-FS-', 'bitlk'],
    ] as const;
    for (const [name, offset, text, advice] of marks) {
      const image = Buffer.alloc(mebibyte);
      image.write(text, offset, 'latin1');
      await writeFile(stage.path(name), image);
      const { device, partitions } = await stage.attach(stage.path(name), { at: stage.path('mounted') });
      const reason = { code: 'CONTENT_NOT_MOUNTED', hint: expect.stringContaining(advice) };
      expect(partitions).toMatchObject([{ device, fileSystem: name, mountedAt: null, reason }]);
    }
  });

  it('leaves a damaged file system a device', async () => {
    const stage = await openStage();
    const image = Buffer.alloc(mebibyte);
    image.write('XFSB');
    await writeFile(stage.path('image'), image);
    const { device, partitions } = await stage.attach(stage.path('image'), { at: stage.path('a/b') });
    const reason = {
      code: 'FILE_SYSTEM_NOT_MOUNTED',
      message: expect.stringMatching(`^${device} \\(xfs\\) is not mounted: .`),
    };
    expect(partitions).toMatchObject([{ fileSystem: 'xfs', mountedAt: null, reason }]);
    // Neither of the folders that were made for it stays.
    expect(await readdir(stage.folder)).not.toContain('a');
  });

  it.skipIf(run('sh', '-c', 'modprobe vfat 2>/dev/null; cat /proc/filesystems').includes('vfat'))(
    'leaves a file system that the kernel does not know a device',
    async () => {
      const stage = await openStage();
      const image = Buffer.alloc(mebibyte);
      image.write('FAT16   ', 54);
      await writeFile(stage.path('image'), image);
      const { partitions } = await stage.attach(stage.path('image'), { at: stage.path('mounted') });
      const reason = { code: 'DRIVER_MISSING', message: expect.stringContaining('this kernel has no vfat') };
      expect(partitions).toMatchObject([{ fileSystem: 'vfat', mountedAt: null, reason }]);
    },
  );

  it.skipIf(whyNot('ntfs'))('mounts NTFS, by a server in user space where the kernel has no driver', async () => {
    const stage = await openStage();
    const at = stage.path('mounted');
    await makeImage(stage.path('image'), 'ntfs');
    const before = await digestOf(stage.path('image'));
    const drive = await stage.attach(stage.path('image'), { at });
    expect(drive.partitions).toMatchObject([{ fileSystem: 'ntfs', mountedAt: at, reason: null }]);
    await detachDrive(stage.records, drive.id, { force: false });
    const writable = await stage.attach(stage.path('image'), { at, writable: true });
    await writeFile(join(at, 'new'), 'new');
    await detachDrive(stage.records, writable.id, { force: false });
    expect(await digestOf(stage.path('image'))).not.toBe(before);
    expect(loopsBelow(stage.folder)).toEqual([]);
  });

  it('takes other devices than those who attach at the same time', async () => {
    const stage = await openStage();
    const names = Array.from({ length: 6 }, (_, n) => stage.path(`image${n}`));
    for (const name of names) await makeImage(name, 'ext2');
    const drives = await Promise.all(names.map((name) => stage.attach(name, { at: `${name}.mounted` })));
    expect(new Set(drives.map(({ device }) => device)).size).toBe(names.length);
    for (const [n, { device }] of drives.entries()) {
      const file = await readFile(`/sys/block/${device.slice(5)}/loop/backing_file`, 'utf8');
      expect(file).toBe(`${names[n]}\n`);
    }
    await Promise.all(drives.map(({ id }) => detachDrive(stage.records, id, { force: false })));
    expect(loopsBelow(stage.folder)).toEqual([]);
  });

  it('makes the folders that are missing, and takes them away', async () => {
    const stage = await openStage();
    await makeImage(stage.path('image'), 'ext4');
    const drive = await stage.attach(stage.path('image'), { at: stage.path('a/b/c') });
    expect(await readdir(stage.path('a/b/c'))).toContain('hello');
    await detachDrive(stage.records, drive.id, { force: false });
    expect(await readdir(stage.folder)).not.toContain('a');
  });

  it('reads ahead as far as is best over FUSE', async () => {
    const stage = await openStage();
    await makeImage(stage.path('image'), 'ext2');
    const { device } = await stage.attach(stage.path('image'));
    expect(await readFile(`/sys/block/${device.slice(5)}/queue/read_ahead_kb`, 'utf8')).toBe('1024\n');
  });
});

describe.skipIf(skipped)('what attachDrive refuses', () => {
  it('is told, and nothing is left', async () => {
    const stage = await openStage();
    await makeImage(stage.path('image'), 'ext2');
    await writeFile(stage.path('empty'), '');
    await mkdir(stage.path('full/inside'), { recursive: true });
    const image = stage.path('image');
    for (const [path, request, expected] of [
      [stage.path('missing'), {}, { code: 'IO' }],
      [stage.folder, {}, { code: 'IMAGE_UNSUITABLE' }],
      [stage.path('empty'), {}, { code: 'IMAGE_UNSUITABLE' }],
      [image, { partition: 1 }, { code: 'PARTITION_NOT_FOUND', message: expect.stringContaining('it has none') }],
      [image, { at: stage.path('full') }, { code: 'FOLDER_UNSUITABLE' }],
      [image, { at: image }, { code: 'FOLDER_UNSUITABLE' }],
      [image, { at: stage.path('repo/at'), repository: stage.path('repo') }, { code: 'FOLDER_UNSUITABLE' }],
    ] as const) {
      await expect(stage.attach(path, request)).rejects.toMatchObject(expected);
    }
    expect(loopsBelow(stage.folder)).toEqual([]);
    await expect(readdir(stage.records.folder)).rejects.toThrow('ENOENT');
  });

  it('is a folder that something is mounted on', async () => {
    const stage = await openStage();
    await makeImage(stage.path('image'), 'xfs');
    await mkdir(stage.path('taken'));
    run('mount', '-t', 'tmpfs', 'none', stage.path('taken'));
    await expect(stage.attach(stage.path('image'), { at: stage.path('taken') })).rejects.toMatchObject({
      code: 'FOLDER_UNSUITABLE',
    });
  });

  it('is to write an image that takes no writes', async () => {
    const stage = await openStage();
    await makeImage(stage.path('image'), 'ext2');
    await mkdir(stage.path('sealed'));
    run('mount', '--bind', '-o', 'ro', stage.folder, stage.path('sealed'));
    run('mount', '-o', 'remount,bind,ro', stage.path('sealed'));
    await expect(stage.attach(stage.path('sealed/image'), { writable: true })).rejects.toMatchObject({
      code: 'READ_ONLY',
    });
    expect(loopsBelow(stage.folder)).toEqual([]);
    expect(await readdir(stage.records.folder)).toEqual([]);
  });

  it('is to go on when it was interrupted', async () => {
    const stage = await openStage();
    await makeImage(stage.path('image'), 'ext2');
    const attaching = attachDrive(stage.records, requestFor(stage.path('image')), AbortSignal.abort());
    await expect(attaching).rejects.toMatchObject({ code: 'INTERRUPTED' });
    expect(loopsBelow(stage.folder)).toEqual([]);
    expect(await readdir(stage.records.folder)).toEqual([]);
  });
});
