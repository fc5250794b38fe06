/** One point over NBD, as qemu and libnbd see it. */
import { readdir, rm, stat } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { addFile, flipByte, makeImage, run } from './images.ts';
import { type Json, openBench, sha256 } from './strata.ts';

const bench = await openBench();
const env = { STRATA_REPO: bench.path('repo'), TMPDIR: bench.folder };
const image = bench.path('disk.img');
const socket = bench.path('nbd.sock');
const uri = `nbd+unix:///?socket=${socket}`;

beforeAll(async () => {
  await makeImage(image, 24);
  await bench.document(['init', '--no-encryption'], { env });
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

  test('is listed as long as it is served', async () => {
    await served(['--writable'], async () => {
      const [listed, ...others] = await bench.document(['mounts'], { env });
      expect(others).toEqual([]);
      const address = `nbd+unix:///m%2Fd?socket=${encodeURIComponent(socket)}`;
      expect(listed).toMatchObject({ kind: 'nbd', state: 'ready', uri: address, devices: [], directories: [] });
      expect((await stat(listed.overlay)).isFile()).toBe(true);
      const { stdout } = await bench.strata(['mounts'], { env });
      expect(stdout).toContain(address);
    });
    expect(await bench.document(['mounts'], { env })).toEqual([]);
    expect(await readdir(bench.path('run'))).toEqual([]);
  });

  test('can be backed up into the repository that it comes from, which stores nothing for it', async () => {
    await served([], async () => {
      const result = (await bench.events(['backup', uri, '--machine', 'm', '--disk', 'again'], { env })).at(-1);
      expect(result).toMatchObject({ kind: 'full', bytesNew: 0, size: (await stat(image)).size, warnings: [] });
      const lines = await bench.strata(['show', 'm/again@latest'], { env });
      expect(lines.stdout).toContain(`${uri} (device)`);
    });
    await bench.events(['restore', 'm/again@latest', '--to', bench.path('out'), '--force'], { env });
    expect(await sha256(bench.path('out'))).toBe(await sha256(image));
    await rm(bench.path('out'));
  });

  /** Serves the point on an overlay that nobody names, writes to it, and kills the server; gives what `mounts` lists. */
  async function killed(): Promise<Json> {
    const server = bench.start(['nbd', 'm/d@latest', '--socket', socket, '--json', '--writable'], { env });
    await server.event(({ event }) => event === 'listening');
    await run('qemu-io', ['-f', 'raw', '-c', 'write -P 0x66 2M 64k', '-c', 'flush', uri]);
    server.kill('SIGKILL');
    await server.outcome;
    const [listed] = await bench.document(['mounts'], { env });
    expect(listed).toMatchObject({ kind: 'nbd', state: 'leftover' });
    return listed;
  }

  test('that was killed is seen, and cleared up with its overlay and its socket', async () => {
    const { id, overlay } = await killed();
    expect((await stat(overlay)).isFile()).toBe(true);
    expect((await stat(socket)).isSocket()).toBe(true);
    const found = await bench.document(['doctor'], { env });
    expect(found.mounts).toMatchObject([{ id, kind: 'nbd', overlay, keepsOverlay: false, cleared: false }]);
    const fixed = await bench.document(['doctor', '--fix'], { env });
    expect(fixed.mounts).toMatchObject([{ id, cleared: true, trouble: null }]);
    for (const path of [overlay, socket]) await expect(stat(path)).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await bench.document(['mounts'], { env })).toEqual([]);
  });

  test('that was killed is cleared up by the next, which keeps the overlay when it is named', async () => {
    const { overlay } = await killed();
    const result = await served(
      ['--writable', '--overlay', overlay],
      async () => {
        await run('qemu-io', ['-f', 'raw', '-c', 'read -P 0x66 2M 64k', uri]);
      },
      3,
    );
    expect(result).toMatchObject({ errors: 0, overlay });
    await bench.document(['doctor', '--fix'], { env });
    expect((await stat(overlay)).isFile()).toBe(true);
    const lost = await killed();
    await served([], async () => undefined);
    await expect(stat(lost.overlay)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('that cannot begin leaves nothing', async () => {
    const before = await readdir(bench.folder);
    await served([], async () => {
      const words = ['nbd', 'm/d@latest', '--writable', '--socket', socket];
      const refused = await bench.strata(words, { env });
      expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining(socket) });
      await run('qemu-img', ['compare', '-f', 'raw', '-F', 'raw', image, uri]);
    });
    const missing = await bench.strata(['nbd', 'm/d@latest', '--socket', bench.path('none/nbd.sock')], { env });
    expect(missing.code).not.toBe(0);
    expect(missing.stderr).toContain('cannot listen on');
    expect(await readdir(bench.folder)).toEqual(before);
    expect(await readdir(bench.path('run'))).toEqual([]);
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
