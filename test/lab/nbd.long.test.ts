/** Exports over NBD as the kernel's own client sees them, and a virtual machine that runs from one. */
import { execFile } from 'node:child_process';
import { chmod, copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { addFile, makeImage } from '../e2e/images.ts';
import { type Json, openBench, passphrase, type Running, sha256 } from '../e2e/strata.ts';
import { Guest, type GuestOptions } from './guest.ts';
import { type GuestParts, makeGuestParts, whyNoGuest } from './guest-parts.ts';

const run = promisify(execFile);
const bench = await openBench(passphrase);
const env = { STRATA_REPO: bench.path('repo'), TMPDIR: bench.folder };
const image = bench.path('disk.img');
const bootable = bench.path('bootable.img');

const trouble = await whyNoGuest();
if (trouble) console.warn(`nbd.long.test.ts is skipped: ${trouble}`);

let parts: GuestParts;
const guests: Guest[] = [];
const servers: Running[] = [];

beforeAll(async () => {
  if (trouble) return;
  parts = await makeGuestParts(bench.folder);
  await makeImage(image, 24);
  await addFile(image, 'greeting', Buffer.from('hello'));
  await makeBootable();
  await bench.document(['init'], { env });
  await bench.events(['backup', image, '--machine', 'm', '--disk', 'd'], { env });
  await bench.events(['backup', bootable, '--machine', 'm', '--disk', 'boot'], { env });
}, 300_000);

afterEach(async () => {
  for (const guest of guests.splice(0)) await guest.kill();
  for (const server of servers.splice(0)) {
    server.kill('SIGKILL');
    await server.outcome;
  }
});

/** A disk whose file system is enough of a system to start, which counts how often it did. */
async function makeBootable(): Promise<void> {
  const tree = bench.path('system');
  for (const name of ['bin', 'sbin', 'dev', 'proc', 'sys']) await mkdir(join(tree, name), { recursive: true });
  await copyFile('/bin/busybox', join(tree, 'bin/busybox'));
  const lines = [
    '#!/bin/busybox sh',
    'b=/bin/busybox',
    '$b mount -t proc proc /proc',
    'echo $(( $($b cat /boots 2>/dev/null || echo 0) + 1 )) > /boots',
    'echo "booted: $($b cat /boots) from $($b sed -n \'s,^\\([^ ]*\\) / ext4.*,\\1,p\' /proc/mounts)" > /dev/ttyS0',
    '$b sync',
    '$b mount -o remount,ro /',
    '$b poweroff -f',
  ];
  await writeFile(join(tree, 'sbin/init'), `${lines.join('\n')}\n`);
  await chmod(join(tree, 'sbin/init'), 0o755);
  await run('mkfs.ext4', ['-q', '-F', '-d', tree, bootable, '32M']);
}

function start(options?: GuestOptions): Guest {
  const guest = new Guest(parts, options);
  guests.push(guest);
  return guest;
}

/** Serves a disk; gives what clients connect to, and how to end it, which must succeed. */
async function serve(disk: string, ...words: string[]) {
  const line = ['nbd', `m/${disk}@latest`, '--json', ...words];
  const server = bench.start(line, { env });
  servers.push(server);
  const { uri } = await server.event(({ event }) => event === 'listening');
  const end = async (): Promise<Json> => {
    server.kill('SIGINT');
    const { code, stdout, stderr } = await server.outcome;
    expect(code, stderr).toBe(0);
    return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '');
  };
  return { uri: String(uri), end };
}

/** The command that connects a guest to an export of this machine. */
function connectTo(uri: string): string {
  return `nbd-client 10.0.2.2 ${new URL(uri).port} /dev/nbd0 -N m/d -b 512`;
}

const anyPort = ['--listen', '127.0.0.1:0'];

describe.skipIf(trouble)('the kernel’s client', () => {
  test('sees the disk, mounts it, and is refused writes', async () => {
    const guest = start();
    const server = await serve('d', ...anyPort);
    await guest.ready();
    await guest.run(connectTo(server.uri));
    expect(await guest.run('blockdev --getsize64 /dev/nbd0')).toBe(String(24 * 1024 ** 2));
    expect(await guest.run('cat /sys/block/nbd0/ro')).toBe('1');
    expect(await guest.run('sha256sum /dev/nbd0')).toBe(`${await sha256(image)}  /dev/nbd0`);
    await guest.run('mount -t ext4 -o ro /dev/nbd0 /mnt');
    expect(await guest.run('cat /mnt/greeting')).toBe('hello');
    await guest.run('umount /mnt');
    await guest.run('dd if=/dev/zero of=/dev/nbd0 bs=4096 count=1 conv=fsync', 1);
    await guest.run('nbd-client -d /dev/nbd0');
    expect(await server.end()).toMatchObject({ errors: 0, bytesWritten: 0 });
  });

  test('writes to a writable one, reads it back, and so does who comes later', async () => {
    const overlay = bench.path('disk.overlay');
    const guest = start();
    const server = await serve('d', ...anyPort, '--writable', '--overlay', overlay);
    await guest.ready();
    await guest.run(connectTo(server.uri));
    await guest.run('mount -t ext4 -o discard /dev/nbd0 /mnt');
    await guest.run('rm /mnt/random-0 && cat /mnt/random-1 /mnt/random-2 > /mnt/new && sync && fstrim /mnt');
    const digest = await guest.run('sha256sum < /mnt/new');
    await guest.run('umount /mnt && nbd-client -d /dev/nbd0');
    await guest.run(connectTo(server.uri));
    await guest.run('mount -t ext4 -o ro /dev/nbd0 /mnt');
    expect(await guest.run('sha256sum < /mnt/new')).toBe(digest);
    await guest.run('umount /mnt');
    const whole = await guest.run('sha256sum < /dev/nbd0');
    await guest.run('nbd-client -d /dev/nbd0');
    const { bytesWritten, errors } = await server.end();
    expect(errors).toBe(0);
    expect(bytesWritten).toBeGreaterThan(2 * 1024 ** 2);

    const again = await serve('d', '--socket', bench.path('nbd.sock'), '--writable', '--overlay', overlay);
    const copy = bench.path('copy.img');
    await run('qemu-img', ['convert', '-f', 'raw', '-O', 'raw', again.uri, copy]);
    await again.end();
    expect(`${await sha256(copy)}  -`).toBe(whole);
    await run('e2fsck', ['-f', '-n', copy]);
    await run('debugfs', ['-R', `dump new ${bench.path('new')}`, copy]);
    expect(`${await sha256(bench.path('new'))}  -`).toBe(digest);
    expect((await readFile(bench.path('new'))).length).toBe(2 * 1024 ** 2);
    // The point is what it was.
    await bench.events(['restore', 'm/d@latest', '--to', bench.path('out')], { env });
    expect(await sha256(bench.path('out'))).toBe(await sha256(image));
  });

  test('gets errors, and no zeros, when its server is gone', async () => {
    const guest = start();
    const server = await serve('d', ...anyPort);
    await guest.ready();
    await guest.run(connectTo(server.uri));
    await guest.run('dd if=/dev/nbd0 of=/dev/null bs=4096 count=1');
    await server.end();
    await guest.run('dd if=/dev/nbd0 of=/tmp.out bs=4096 skip=4000 count=1', 1);
    expect(await guest.run('wc -c < /tmp.out')).toBe('0');
  });
});

describe.skipIf(trouble)('a virtual machine', () => {
  /** Boots from an export, until it switches itself off; gives what it says about that. */
  async function boot(uri: string): Promise<string> {
    const disk = ['-drive', `file=${uri},format=raw,if=virtio,cache=none`];
    const guest = start({ kernelLine: 'root=/dev/vda rw', words: disk });
    await guest.says('booted: ');
    const said = await guest.says('\n');
    await guest.off();
    return said;
  }

  test('runs from a point, and goes on where it was on its overlay', async () => {
    const words = ['--socket', bench.path('boot.sock'), '--writable'];
    const overlay = ['--overlay', bench.path('boot.overlay')];
    for (const times of [1, 2]) {
      const server = await serve('boot', ...words, ...overlay);
      expect(await boot(server.uri)).toBe(`${times} from /dev/vda`);
      expect(await server.end()).toMatchObject({ errors: 0 });
    }
    const server = await serve('boot', ...words);
    expect(await boot(server.uri)).toBe('1 from /dev/vda');
    expect(await server.end()).toMatchObject({ errors: 0, overlay: null });
    await bench.events(['restore', 'm/boot@latest', '--to', bench.path('boot.out')], { env });
    expect(await sha256(bench.path('boot.out'))).toBe(await sha256(bootable));
  });
});
