/** One point over NBD, as qemu and libnbd see it. */
import { readdir, rm } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { addFile, flipByte, makeImage, run } from './images.ts';
import { openBench, passphrase, sha256 } from './strata.ts';

const bench = await openBench(passphrase);
const env = { STRATA_REPO: bench.path('repo'), TMPDIR: bench.folder };
const image = bench.path('disk.img');
const socket = bench.path('nbd.sock');
const uri = `nbd+unix:///?socket=${socket}`;

beforeAll(async () => {
  await makeImage(image, 24);
  await bench.document(['init'], { env });
  await bench.events(['backup', image, '--machine', 'm', '--disk', 'd'], { env });
});

/** Serves the point while `work` goes on, and gives the result. */
async function served(words: readonly string[], work: () => Promise<void>, exit = 0) {
  const server = bench.start(['nbd', 'm/d@latest', '--socket', socket, '--json', ...words], { env });
  await server.event(({ event }) => event === 'listening');
  try {
    await work();
  } finally {
    server.kill('SIGINT');
  }
  const { code, stdout, stderr } = await server.outcome;
  expect(code, stderr).toBe(exit);
  return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '');
}

describe('a point over NBD', () => {
  test('is the disk that was backed up, zeros and all', async () => {
    const result = await served([], async () => {
      await run('qemu-img', ['compare', '-f', 'raw', '-F', 'raw', image, uri]);
      const { stdout } = await run('qemu-img', ['map', '--output=json', '-f', 'raw', uri]);
      const zeros = (JSON.parse(stdout) as { zero: boolean }[]).filter(({ zero }) => zero);
      expect(zeros.length).toBeGreaterThan(0);
      await expect(run('qemu-io', ['-f', 'raw', '-c', 'write 0 512', uri])).rejects.toThrow('Permission denied');
    });
    expect(result).toMatchObject({ errors: 0, bytesWritten: 0, overlay: null });
  });

  test('takes writes on an overlay that is thrown away', async () => {
    const before = await readdir(bench.folder);
    const result = await served(['--writable'], async () => {
      await run('qemu-io', ['-f', 'raw', '-c', 'write -P 0x5a 4000 9000', '-c', 'flush', uri]);
      await run('qemu-io', ['-f', 'raw', '-c', 'read -P 0x5a 4000 9000', uri]);
    });
    expect(result.bytesWritten).toBeGreaterThanOrEqual(9000);
    expect(await readdir(bench.folder)).toEqual(before);
    await bench.events(['restore', 'm/d@latest', '--to', bench.path('out'), '--force'], { env });
    expect(await sha256(bench.path('out'))).toBe(await sha256(image));
    await rm(bench.path('out'));
  });

  test('keeps an overlay that was named', async () => {
    const overlay = bench.path('disk.overlay');
    await served(['--writable', '--overlay', overlay], async () => {
      await run('qemu-io', ['-f', 'raw', '-c', 'write -P 0x77 1M 64k', '-c', 'flush', uri]);
    });
    const result = await served(['--writable', '--overlay', overlay], async () => {
      await run('qemu-io', ['-f', 'raw', '-c', 'read -P 0x77 1M 64k', uri]);
    });
    expect(result).toMatchObject({ errors: 0, overlay });
    await served([], async () => {
      await run('qemu-img', ['compare', '-f', 'raw', '-F', 'raw', image, uri]);
    });
  });

  test('tells of damage, and fails where it is only', async () => {
    const content = Buffer.alloc(3 * 262_144, 'a');
    content.fill('b', 262_144).fill('c', 2 * 262_144);
    await addFile(image, 'last', content);
    await bench.events(['backup', image, '--machine', 'm', '--disk', 'd'], { env });
    const packs = (await readdir(bench.path('repo/packs'), { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map((entry) => `${entry.parentPath}/${entry.name}`);
    // In the first frame of each pack.
    for (const pack of packs) await flipByte(pack, 200);
    const result = await served(
      [],
      async () => {
        await expect(run('qemu-img', ['compare', '-f', 'raw', '-F', 'raw', image, uri])).rejects.toThrow();
        const { stdout } = await run('qemu-io', ['-f', 'raw', '-r', '-c', 'read 23M 1M', uri]);
        expect(stdout).toContain('read 1048576/1048576');
      },
      3,
    );
    expect(result.errors).toBeGreaterThan(0);
  });
});
