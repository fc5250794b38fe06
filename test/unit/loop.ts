import { execFileSync } from 'node:child_process';
import { mkdir, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { apart } from '../lab/other-namespace.ts';
import { scratchMemory } from './scratch.ts';

/** Whether this machine lets us make block devices: needs root and loop devices. */
export const hasLoop = canAttach();

/** Attaches a file as a block device for the running test. */
export function attach(file: string): string {
  const device = execFileSync('losetup', ['--find', '--show', file], { encoding: 'utf8' }).trim();
  onTestFinished(() => {
    execFileSync('losetup', ['--detach', device]);
  });
  return device;
}

/** Makes an ext4 file system on a device and mounts it for the running test. */
export function mount(device: string, folder: string, ...options: string[]): void {
  execFileSync('mkfs.ext4', ['-q', '-F', device]);
  execFileSync('mount', [...options, device, folder]);
  onTestFinished(() => {
    // Lazily: what reads from it may hold a file a moment longer.
    execFileSync('umount', ['--lazy', folder]);
  });
}

/** Makes a file system of its own for the running test, with room for `mib`, and mounts it; gives the folder and the device. */
export async function mountNew(
  type: 'xfs' | 'btrfs' | 'ext4',
  mib = 320,
): Promise<{ readonly folder: string; readonly device: string; readonly image: string }> {
  const place = await scratchMemory();
  const [image, folder] = [join(place, 'fs.img'), join(place, 'mnt')];
  await mkdir(folder);
  await writeFile(image, '');
  await truncate(image, mib * 1024 ** 2);
  const device = attach(image);
  execFileSync(...apart(`mkfs.${type}`, [type === 'ext4' ? '-qF' : '-qf', device]));
  execFileSync('mount', [device, folder]);
  onTestFinished(() => {
    execFileSync('umount', ['--lazy', folder]);
  });
  return { folder, device, image };
}

function canAttach(): boolean {
  try {
    execFileSync('losetup', ['--find'], { stdio: 'ignore' });
    return process.getuid?.() === 0;
  } catch {
    return false;
  }
}
