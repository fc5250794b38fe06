/** The file systems whose allocation is tested: how each is made, filled, looked into and checked by its own tools. */
import { closeSync, mkdtempSync, openSync, readFileSync, rmdirSync, truncateSync } from 'node:fs';
import type { AllocationParser } from '../../../../../src/backup/allocation/allocation.ts';
import { btrfsAllocation } from '../../../../../src/backup/allocation/btrfs/btrfs.ts';
import { exfatAllocation } from '../../../../../src/backup/allocation/exfat.ts';
import { fatAllocation } from '../../../../../src/backup/allocation/fat.ts';
import { ntfsAllocation } from '../../../../../src/backup/allocation/ntfs/ntfs.ts';
import { xfsAllocation } from '../../../../../src/backup/allocation/xfs/xfs.ts';
import type { Random } from '../../../../model/random.ts';
import { hasLoop } from '../../../loop.ts';
import { hasProgram, run } from '../../../mount/attach/images.ts';
import { ageFolder, type Contents, contentsOf } from './ageing.ts';
import { ageFat, contentsOfFat } from './fat-files.ts';

export interface Kind {
  readonly parser: AllocationParser;
  /** Why it cannot be tested here; empty when it can. */
  readonly whyNot: string;
  make(image: string, size: number, words: readonly string[]): void;
  /** Writes, overwrites, deletes, … so many files. */
  age(image: string, random: Random, steps: number): void;
  contents(image: string): Contents;
  /** Throws when its own checker finds anything wrong. */
  check(image: string): void;
}

export const kinds = {
  xfs: {
    parser: xfsAllocation,
    whyNot: whyNot('xfs', 'mkfs.xfs', 'xfs_repair'),
    make: maker('mkfs.xfs', '-q', '-f', '--unsupported'),
    age: (image, random, steps) => onMount(image, mountLoop('rw,nouuid'), (at) => ageFolder(at, random, steps)),
    contents: (image) => onMount(image, mountLoop('ro,norecovery,nouuid'), contentsOf),
    check: (image) => run('xfs_repair', '-n', '-f', '-o', 'force_geometry', image),
  },
  btrfs: {
    parser: btrfsAllocation,
    whyNot: whyNot('btrfs', 'mkfs.btrfs', 'btrfs'),
    make: maker('mkfs.btrfs', '-q', '-f'),
    age: (image, random, steps) => onMount(image, mountLoop('rw'), (at) => ageFolder(at, random, steps)),
    contents: (image) => onMount(image, mountLoop('ro'), contentsOf),
    check: (image) => run('btrfs', 'check', '--check-data-csum', image),
  },
  ntfs: {
    parser: ntfsAllocation,
    whyNot: whyNot('fuseblk', 'mkntfs', 'ntfs-3g', 'ntfsfix'),
    make: maker('mkntfs', '-q', '-F', '-Q'),
    age: (image, random, steps) => onMount(image, mountFuse('ntfs-3g', 'rw'), (at) => ageFolder(at, random, steps)),
    contents: (image) => onMount(image, mountFuse('ntfs-3g', 'ro'), contentsOf),
    check: (image) => run('ntfsfix', '--no-action', image),
  },
  exfat: {
    parser: exfatAllocation,
    whyNot: whyNot('fuseblk', 'mkfs.exfat', 'mount.exfat-fuse', 'fsck.exfat'),
    make: maker('mkfs.exfat'),
    age: (image, random, steps) =>
      onMount(image, mountFuse('mount.exfat-fuse', 'rw'), (at) => ageFolder(at, random, steps)),
    contents: (image) => onMount(image, mountFuse('mount.exfat-fuse', 'ro'), contentsOf),
    check: (image) => run('fsck.exfat', '-n', image),
  },
  vfat: {
    parser: fatAllocation,
    whyNot: whyNot('', 'mkfs.vfat', 'mcopy', 'fsck.vfat'),
    make: maker('mkfs.vfat'),
    age: ageFat,
    contents: contentsOfFat,
    check: (image) => run('fsck.vfat', '-n', image),
  },
} as const satisfies Record<string, Kind>;

export type KindName = keyof typeof kinds;

function whyNot(driver: string, ...programs: readonly string[]): string {
  if (driver !== '' && !hasLoop) return 'no loop devices, or not root';
  if (!readFileSync('/proc/filesystems', 'utf8').includes(driver)) return `this kernel has no ${driver}`;
  const missing = programs.find((program) => !hasProgram(program));
  return missing === undefined ? '' : `${missing} is not installed`;
}

/** Makes an image of zeros, and the file system in it. */
function maker(program: string, ...always: readonly string[]): Kind['make'] {
  return (image, size, words) => {
    closeSync(openSync(image, 'w'));
    truncateSync(image, size);
    run(program, ...always, ...words, image);
  };
}

/** Mounts an image at a folder, and returns what unmounts it. */
type Mount = (image: string, at: string) => () => void;

export function mountLoop(options: string): Mount {
  return (image, at) => {
    run('mount', '-o', `loop,${options}`, image, at);
    return () => run('umount', at);
  };
}

/** Given a block device, so that all is written when `umount` returns. */
export function mountFuse(program: string, options: string): Mount {
  return (image, at) => {
    const device = run('losetup', '--find', '--show', image).trim();
    try {
      run(program, '-o', options, device, at);
    } catch (error) {
      run('losetup', '--detach', device);
      throw error;
    }
    return () => {
      run('umount', at);
      run('losetup', '--detach', device);
    };
  };
}

export function onMount<Result>(image: string, mount: Mount, work: (at: string) => Result): Result {
  const at = mkdtempSync(`${image}.`);
  const unmount = mount(image, at);
  try {
    return work(at);
  } finally {
    unmount();
    rmdirSync(at);
  }
}
