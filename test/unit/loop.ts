import { execFileSync } from 'node:child_process';
import { onTestFinished } from 'vitest';

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

function canAttach(): boolean {
  try {
    execFileSync('losetup', ['--find'], { stdio: 'ignore' });
    return process.getuid?.() === 0;
  } catch {
    return false;
  }
}
