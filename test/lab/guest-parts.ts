/**
 * What a guest boots: Debian's kernel out of its package, and an initramfs made of programs of this machine. Nothing of
 * it is installed.
 */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { chmod, copyFile, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { createGzip } from 'node:zlib';
import { checkout } from '../e2e/strata.ts';

const run = promisify(execFile);
const path = `${process.env.PATH}:/usr/sbin:/sbin`;
const options = { env: { ...process.env, PATH: path }, maxBuffer: 2 ** 26 };

/** Where `./run test --long` puts the package of the kernel. */
const packages = join(checkout, '.toolchain/guest');
const ownDrivers = ['virtio_pci', 'virtio_blk', 'virtio_net', 'nbd', 'crc32c_generic', 'ext4'];
/** More drivers, for a guest that sees the files of this machine. */
export const sharingDrivers = ['9p', '9pnet_virtio', 'overlay'];
const programs = ['qemu-system-x86_64', 'busybox', 'nbd-client', 'cpio', 'depmod', 'modprobe', 'dpkg-deb', 'ldd'];

export interface GuestParts {
  readonly kernel: string;
  readonly initramfs: string;
}

/** Why no guest can be started on this machine; an empty text when one can. */
export async function whyNoGuest(): Promise<string> {
  if (process.arch !== 'x64') return `the guest's kernel is for amd64, this machine is ${process.arch}`;
  for (const program of programs) {
    if ((await whereIs(program)) === null) return `${program} is missing (./run test --long installs it)`;
  }
  return (await kernelPackage()) === null ? `no kernel package in ${packages} (./run test --long fetches it)` : '';
}

/** Makes the parts in a folder, with more drivers than it needs to boot; takes some seconds. */
export async function makeGuestParts(folder: string, drivers: readonly string[] = []): Promise<GuestParts> {
  const [unpacked, tree] = [join(folder, 'kernel'), join(folder, 'initramfs')];
  await run('dpkg-deb', ['-x', (await kernelPackage()) ?? '', unpacked], options);
  const [version = ''] = await readdir(join(unpacked, 'lib/modules'));
  await run('depmod', ['-b', unpacked, version], options);
  for (const name of ['bin', 'modules', 'proc', 'sys', 'dev', 'mnt'])
    await mkdir(join(tree, name), { recursive: true });
  await copyProgram('busybox', tree);
  await copyProgram('nbd-client', tree);
  await copyModules([...ownDrivers, ...drivers], unpacked, version, join(tree, 'modules'));
  await copyFile(new URL('guest-init.sh', import.meta.url), join(tree, 'init'));
  await copyFile(new URL('guest-console.sh', import.meta.url), join(tree, 'console'));
  await chmod(join(tree, 'init'), 0o755);
  const kernel = join(folder, 'vmlinuz');
  await copyFile(join(unpacked, 'boot', `vmlinuz-${version}`), kernel);
  const initramfs = join(folder, 'initramfs.gz');
  await pack(tree, initramfs);
  await rm(unpacked, { recursive: true });
  await rm(tree, { recursive: true });
  return { kernel, initramfs };
}

/** The newest package of a kernel that was fetched. */
async function kernelPackage(): Promise<string | null> {
  const names = await readdir(packages).catch(() => []);
  const name = names
    .filter((found) => /^linux-image-.*\.deb$/.test(found))
    .sort()
    .at(-1);
  return name === undefined ? null : join(packages, name);
}

async function whereIs(program: string): Promise<string | null> {
  const found = await run('sh', ['-c', `command -v ${program}`], options).catch(() => null);
  return found === null ? null : found.stdout.trim();
}

/** Copies a program with the libraries that it is linked with, each to where it looks for them. */
async function copyProgram(program: string, tree: string): Promise<void> {
  const from = (await whereIs(program)) ?? program;
  await copyFile(from, join(tree, 'bin', program));
  // A static program has none.
  const { stdout } = await run('ldd', [from], options).catch(() => ({ stdout: '' }));
  for (const [, library = ''] of stdout.matchAll(/(\/\S+) \(0x/g)) {
    const to = join(tree, library);
    await mkdir(dirname(to), { recursive: true });
    await copyFile(library, to);
  }
}

/** Copies the drivers that the tests need with those that they stand on, and writes down in which order they go in. */
async function copyModules(drivers: readonly string[], unpacked: string, version: string, to: string): Promise<void> {
  const order: string[] = [];
  for (const name of drivers) {
    const words = ['-d', unpacked, '-S', version, '--show-depends', name];
    const { stdout } = await run('modprobe', words, options);
    for (const [, file = ''] of stdout.matchAll(/^insmod (\S+)/gm)) {
      if (order.includes(basename(file))) continue;
      order.push(basename(file));
      await copyFile(file, join(to, basename(file)));
    }
  }
  await writeFile(join(to, 'order'), order.map((name) => `${name}\n`).join(''));
}

async function pack(tree: string, to: string): Promise<void> {
  const list = (await readdir(tree, { recursive: true })).map((name) => `${name}\n`).join('');
  const plain = `${to}.cpio`;
  const child = execFile('cpio', ['--create', '--format=newc', '--quiet', '--file', plain], { ...options, cwd: tree });
  child.stdin?.end(list);
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`cpio ended with ${code}`);
  await pipeline(createReadStream(plain), createGzip({ level: 1 }), createWriteStream(to));
  await rm(plain);
}
