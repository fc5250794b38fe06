/** Block devices, through loop devices: what is in use is not overwritten, and what is live is said to be. */
import { mkdir, readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeImage, mib, run } from './images.ts';
import { openBench, treeDigest } from './strata.ts';

const bench = await openBench();
const env = { STRATA_REPO: bench.path('repo') };
const image = bench.path('disk.img');
const directory = bench.path('mounted');

const { device, trouble } = await attach();

/** A loop device with a mounted file system, or why there can be none. */
async function attach(): Promise<{ device: string; trouble: string }> {
  await makeImage(image, 16);
  await mkdir(directory);
  try {
    const { stdout } = await run('losetup', ['--find', '--show', image]);
    const device = stdout.trim();
    afterAll(() => run('losetup', ['--detach', device]));
    await run('mount', [device, directory]);
    afterAll(() => run('umount', [directory]));
    return { device, trouble: '' };
  } catch (error) {
    return { device: '', trouble: `no loop device can be mounted here: ${(error as Error).message.split('\n')[0]}` };
  }
}

beforeAll(async () => {
  if (trouble) console.warn(`devices.test.ts is skipped: ${trouble}`);
  await bench.document(['init', '--no-encryption'], { env });
});

test.skipIf(trouble)('a mounted device is backed up with a warning, and exit 3', async () => {
  const events = await bench.events(['backup', device, '--disk', 'live', '--machine', 'm'], { env, code: 3 });
  const warning = { code: 'LIVE_SOURCE', message: expect.stringContaining(directory) };
  expect(events).toContainEqual({ event: 'warning', time: expect.any(String), ...warning });
  expect(events.at(-1)).toMatchObject({ event: 'result', warnings: [warning], size: 16 * mib });
  const { stderr } = await bench.strata(['backup', device, '--disk', 'live', '--machine', 'm'], { env });
  expect(stderr).toMatch(/^strata: warning: \S.*\n$/);
});

test.skipIf(trouble)('a mounted device is not overwritten, whatever is said', async () => {
  const before = await readFile(device);
  for (const force of [['--force'], ['--delta'], ['--delta', '--force']]) {
    const words = ['restore', 'm/live@latest', '--to', device, ...force];
    const { code, stderr } = await bench.strata(words, { env });
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(new RegExp(`^strata: target ${device} is mounted at ${directory}\n  \\S.*\n$`)),
    });
  }
  expect((await readFile(device)).equals(before)).toBe(true);
});

test.skipIf(trouble)('a repository on the disk that is backed up is refused', async () => {
  const inside = `${directory}/repo`;
  await bench.document(['init', '--no-encryption', '--repo', inside]);
  const before = await treeDigest(inside);
  for (const source of [device, image]) {
    const { code, stderr } = await bench.strata(['backup', source, '--repo', inside]);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/^strata: the repository lies on source .*\n {2}put .*\n$/),
    });
  }
  expect(await treeDigest(inside)).toBe(before);
});

test.skipIf(trouble)('a device that is too small is not touched', async () => {
  const small = bench.path('small.img');
  await run('truncate', ['--size', '15M', small]);
  const attached = (await run('losetup', ['--find', '--show', small])).stdout.trim();
  try {
    for (const force of [['--force'], ['--delta']]) {
      const { code, stderr } = await bench.strata(['restore', 'm/live@latest', '--to', attached, ...force], { env });
      expect(code).toBe(1);
      expect(stderr).toContain(`strata: target ${attached} has ${15 * mib} bytes, the image needs ${16 * mib}\n`);
    }
    expect((await readFile(attached)).every((byte) => byte === 0)).toBe(true);
  } finally {
    await run('losetup', ['--detach', attached]);
  }
});
