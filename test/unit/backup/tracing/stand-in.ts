/** A device with a file system, which a stand-in for dattobd follows (stand-in-tool.ts). */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { attach, mountNew } from '../../loop.ts';
import { driverDocument } from './driver-document.ts';

const mib = 1024 ** 2;
const path = process.env.PATH;
const script = new URL('stand-in-tool.ts', import.meta.url).pathname;

export interface StandIn {
  readonly device: string;
  /** Where its file system is mounted, and the file of the loop device. */
  readonly folder: string;
  readonly image: string;
  /** What a process needs to find the stand-in. */
  readonly environment: { readonly STRATA_DRIVER_ROOT: string; readonly PATH: string };
  /** Uses the tool. */
  control(...words: string[]): void;
  /** Has it fail in this way from now on; an empty text: in none. */
  spoil(flaw: string): void;
  /** Its files in the file system. */
  files(): string[];
  /** The numbers of what it follows. */
  minors(): number[];
}

/** Makes one for the running test. Needs root and loop devices. */
export async function standIn(type: 'ext4' | 'xfs' | 'btrfs' = 'ext4', size = 24): Promise<StandIn> {
  const { folder: place } = await mountNew('xfs', 1024);
  const [root, image, folder] = [join(place, 'driver'), join(place, 'disk.img'), join(place, 'mnt')];
  for (const at of [root, join(root, 'proc'), join(root, 'dev'), join(root, 'bin'), folder]) mkdirSync(at);
  writeFileSync(image, '');
  truncateSync(image, (type === 'ext4' ? size : 320) * mib);
  const device = attach(image);
  const quick = type === 'ext4' ? ['-E', 'lazy_itable_init=0,lazy_journal_init=0'] : [];
  execFileSync(`mkfs.${type}`, [type === 'ext4' ? '-qF' : '-qf', ...quick, device]);
  execFileSync('mount', [device, folder]);
  onTestFinished(() => {
    execFileSync('umount', ['--lazy', folder]);
  });
  const tool = join(root, 'bin/dbdctl');
  const line = `NODE_COMPILE_CACHE=${join(root, 'compiled')} exec ${process.execPath} --no-warnings ${script} "$@"`;
  writeFileSync(tool, `#!/bin/sh\n[ "$1" = help ] || ${line}\n`);
  chmodSync(tool, 0o755);
  const environment = { STRATA_DRIVER_ROOT: root, PATH: `${join(root, 'bin')}:${path}` };
  const control = (...words: string[]) => {
    execFileSync(tool, words, { env: { ...process.env, ...environment }, stdio: 'pipe' });
  };
  const minors = (): number[] => {
    const { devices } = JSON.parse(readFileSync(join(root, 'proc/datto-info'), 'utf8'));
    return devices.map(({ minor }: { minor: number }) => minor);
  };
  const spoil = (flaw: string) => writeFileSync(join(root, 'flaw'), flaw);
  writeFileSync(join(root, 'proc/datto-info'), driverDocument('0.12.1', []));
  onTestFinished(() => {
    rmSync(join(root, 'flaw'), { force: true });
    for (const minor of minors()) control('destroy', `${minor}`);
  });
  const files = () => (existsSync(folder) ? readdirSync(folder).filter((name) => name.startsWith('.strata-')) : []);
  return { device, folder, image, environment, control, spoil, files, minors };
}
