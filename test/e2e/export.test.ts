/** Points as images of other programs: what qemu finds in them, what stands in their place until they are whole. */
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { addFile, makeImage, mib, run } from './images.ts';
import { type Json, openBench, sha256 } from './strata.ts';

const bench = await openBench();
const env = { STRATA_REPO: bench.path('repo') };
const images = { first: bench.path('first.img'), second: bench.path('second.img') };
const points = { first: '', second: '', long: '' };

/** Formats, and the names by which qemu knows them. */
const drivers = { raw: 'raw', vhd: 'vpc', vhdx: 'vhdx', vmdk: 'vmdk', qcow2: 'qcow2' } as const;
type Format = keyof typeof drivers;
const formats = Object.keys(drivers) as Format[];

beforeAll(async () => {
  await makeImage(images.first, 24);
  await run('cp', ['--sparse=always', images.first, images.second]);
  await addFile(images.second, 'added', randomBytes(mib));
  await bench.document(['init', '--no-encryption'], { env });
  for (const name of ['first', 'second'] as const) {
    const words = ['backup', images[name], '--machine', 'm', '--disk', 'd'];
    points[name] = (await result(...words)).point;
  }
  // It takes a while to be written, and no room in the repository.
  const long = bench.path('long.img');
  await run('sh', ['-c', 'yes | head --bytes=1G >"$0"', long]);
  points.long = (await result('backup', long)).point;
  await rm(long);
});

/** A new folder. */
async function place(name: string): Promise<string> {
  const folder = bench.path(name);
  await mkdir(folder);
  return folder;
}

/** The result of a long action. */
async function result(...words: string[]): Promise<Json> {
  return (await bench.events(words, { env })).at(-1);
}

const filesOf = (format: Format) => (format === 'vmdk' ? ['x-flat.vmdk', 'x.vmdk'] : [`x.${format}`]);

async function expectDisk(format: Format, path: string, disk: string): Promise<void> {
  const driver = drivers[format];
  if (['vhdx', 'vmdk', 'qcow2'].includes(format)) await run('qemu-img', ['check', '-f', driver, path]);
  await run('qemu-img', ['compare', '-f', driver, '-F', 'raw', path, disk]);
}

describe.for(formats)('as %s', (format) => {
  test('each point is its disk, with holes and without', async () => {
    const folder = await place(`points-${format}`);
    const to = join(folder, `x.${format}`);
    const sizes: number[] = [];
    for (const name of ['first', 'second'] as const) {
      for (const sparse of [[], ['--no-sparse']]) {
        // What stands there, each time another image, is replaced.
        const words = ['restore', points[name], '--to', to, '--format', format, '--force', ...sparse];
        const written = await result(...words);
        expect(written).toEqual({
          event: 'result',
          time: expect.any(String),
          point: points[name],
          to,
          dryRun: false,
          size: 24 * mib,
          bytesWritten: expect.any(Number),
          bytesSkipped: 0,
          seconds: expect.any(Number),
        });
        await expectDisk(format, to, images[name]);
        expect(await readdir(folder)).toEqual(filesOf(format));
        const largest = Math.max(...(await Promise.all(filesOf(format).map(async (file) => stored(folder, file)))));
        sizes.push(largest);
        expect(written.bytesWritten).toBeLessThanOrEqual(largest);
      }
    }
    expect(sizes[0]).toBeLessThan(sizes[1] ?? 0);
    expect(sizes[2]).toBeLessThan(sizes[3] ?? 0);
  });

  test('export writes the same bytes as restore', async () => {
    const folder = await place(`same-${format}`);
    await result('export', points.second, '--to', join(folder, `x.${format}`), '--format', format);
    for (const file of filesOf(format))
      expect(await sha256(join(folder, file))).toBe(await sha256(bench.path(`points-${format}/${file}`)));
  });

  test('nothing is overwritten unasked, and nothing written on a dry run', async () => {
    const folder = await place(`asked-${format}`);
    const words = ['export', points.first, '--to', join(folder, `x.${format}`), '--format', format];
    expect(await result(...words, '--dry-run')).toMatchObject({ dryRun: true, size: 24 * mib, bytesWritten: 0 });
    expect(await readdir(folder)).toEqual([]);
    for (const file of filesOf(format)) {
      await writeFile(join(folder, file), 'mine');
      const { code, stderr } = await bench.strata(words, { env });
      expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining(`${join(folder, file)} exists\n`) });
      expect(await readdir(folder)).toEqual([file]);
      await rm(join(folder, file));
    }
  });

  test('Ctrl-C leaves nothing', async () => {
    const folder = await place(`stopped-${format}`);
    const to = join(folder, `x.${format}`);
    const running = bench.start(['export', points.long, '--to', to, '--format', format, '--no-sparse', '--json'], {
      env,
    });
    await running.event(({ event }) => event === 'progress');
    expect(await readdir(folder)).toEqual([expect.stringMatching(/\.part$/)]);
    running.kill('SIGINT');
    const { code, stdout, stderr } = await running.outcome;
    expect(code, stderr).toBe(130);
    expect(JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '')).toMatchObject({
      event: 'error',
      code: 'INTERRUPTED',
      message: `the restore to ${to} was interrupted`,
    });
    expect(await readdir(folder)).toEqual([]);
  });
});

async function stored(folder: string, file: string): Promise<number> {
  return (await stat(join(folder, file))).blocks * 512;
}

describe('a target', () => {
  test('is a file, not a device', async ({ skip }) => {
    const disk = bench.path('device.img');
    await run('truncate', ['--size', '64M', disk]);
    const attached = await run('losetup', ['--find', '--show', disk]).catch((error: Error) => error);
    if (attached instanceof Error) return skip(`no loop device can be had here: ${attached.message.trim()}`);
    const device = attached.stdout.trim();
    try {
      const words = ['restore', points.first, '--to', device, '--format', 'qcow2', '--force'];
      const { code, stderr } = await bench.strata(words, { env });
      expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(/ is a block device, and a qcow2 /) });
      expect((await stat(disk)).blocks).toBe(0);
    } finally {
      await run('losetup', ['--detach', device]);
    }
  });

  test('that becomes full keeps nothing of what did not fit', async ({ skip }) => {
    const folder = await place('small');
    const sized = async (bytes: number, ...options: string[]) =>
      run('mount', ['-t', 'tmpfs', '-o', [`size=${bytes}`, ...options].join(), 'none', folder]);
    if ((await sized(mib).catch(() => null)) === null) return skip('a small file system takes root');
    onTestFinished(async () => void (await run('umount', ['--lazy', folder])));
    for (const format of formats) {
      const to = join(folder, `x.${format}`);
      const words = ['export', points.first, '--format', format, '--to', to];
      const expectRefused = async (said: RegExp, settings: Readonly<Record<string, string>> = {}) => {
        const { code, stderr } = await bench.strata(words, { env: { ...env, ...settings } });
        expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(said) });
        expect(await readdir(folder)).toEqual([]);
        return said.exec(stderr)?.[1];
      };
      await sized(mib, 'remount');
      const needed = Number(await expectRefused(/ needs (\d+) bytes, \d+ are free in .*: no space left\n/));
      expect(needed).toBeLessThan(14 * mib);
      // The parts of a VHDX lie apart: with the room that its bytes need, and no more, some have none.
      await sized(Math.ceil(needed / 4096) * 4096, 'remount');
      const full = format === 'vhdx' ? {} : { STRATA_FAILPOINT: 'native.restore.write:3:enospc' };
      await expectRefused(/^strata: cannot write \/.*: no space left\n/, full);
      await sized(14 * mib, 'remount');
      await result(...words);
      await expectDisk(format, to, images.first);
      for (const file of await readdir(folder)) await rm(join(folder, file));
    }
  });
});

test('an image has the bytes of the file in the mount', async ({ skip }) => {
  const trouble = await stat('/dev/fuse').then(
    () => process.getuid?.() !== 0,
    () => true,
  );
  if (trouble) return skip('mounting takes /dev/fuse, and root');
  const directory = await place('mounted');
  await bench.document(['mount', directory], { env });
  try {
    for (const format of formats) {
      const shown = join(directory, 'm/d/latest', `disk.${format}`);
      const extent = join(directory, 'm/d/latest/disk.raw');
      const [written = '', descriptor] = filesOf(format).map((file) => bench.path(`points-${format}/${file}`));
      await run('cmp', [written, descriptor ? extent : shown]);
      if (!descriptor) continue;
      // The extent has another name.
      const text = await readFile(descriptor, 'utf8');
      expect(text.replace('x-flat.vmdk', 'disk.raw')).toBe(await readFile(shown, 'utf8'));
    }
  } finally {
    await bench.document(['umount', directory], { env });
  }
});
