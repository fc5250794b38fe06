/** Exports of all kinds of servers become points that are bit for bit what the server shows. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readManifest } from '../../../../src/repository/points.ts';
import { image, MemoryTarget } from '../../mount/nbd/memory-target.ts';
import { serve } from '../../mount/nbd/serving.ts';
import { scratchFolder } from '../../scratch.ts';
import { nbdkit, noLibrary, noNbdkit, noQemuNbd, qemuNbd, uriOf } from './servers.ts';
import { block, converted, mib, qemuIo, stage } from './stage.ts';

describe.skipIf(noLibrary + noQemuNbd !== '')('an export of qemu', () => {
  it('is what qemu-img converts; zeros and holes are not read', async () => {
    const { repo, backUp, content } = await stage();
    const disk = join(await scratchFolder(), 'disk.qcow2');
    execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', disk, '64M']);
    qemuIo(disk, 'qcow2', 'write -P 1 0 1M', 'write -P 2 20M 192k', 'write -z 30M 4M', 'write -P 3 67043328 65536');
    const { uri } = await qemuNbd(disk, 'vda', '-r', '-f', 'qcow2', '-e', '8');
    const first = await backUp(uri, { disk: undefined });
    expect(first).toMatchObject({ kind: 'full', disk: 'vda', size: 64 * mib, snapshot: 'off', warnings: [] });
    expect(first).toMatchObject({ consistency: 'none', bytesRead: mib + 192 * 1024 + block });
    expect((await content(first)).equals(await converted(disk, 'qcow2'))).toBe(true);
    const { source } = await readManifest(repo, first.point ?? '');
    expect(source).toEqual({ path: uri, kind: 'device' });
  });

  it('is read again and compared by the next backup', async () => {
    const { backUp, content } = await stage();
    const disk = join(await scratchFolder(), 'disk.raw');
    await writeFile(disk, randomBytes(3 * mib));
    // One client at a time: one connection for all.
    const first = await qemuNbd(disk, '', '-f', 'raw');
    expect(await backUp(first.uri)).toMatchObject({ kind: 'full', bytesRead: 3 * mib });
    await first.kill();
    qemuIo(disk, 'raw', 'write -P 7 1M 64k', 'write -z 2M 64k');
    const second = await backUp((await qemuNbd(disk, '', '-f', 'raw')).uri);
    expect(second).toMatchObject({ kind: 'incremental', blocks: { changed: 2, zero: 1 }, warnings: [] });
    expect((await content(second)).equals(await converted(disk, 'raw'))).toBe(true);
  });

  it('is asked what its file systems use only when nobody can write to it', async () => {
    const { backUp } = await stage();
    const disk = join(await scratchFolder(), 'disk.raw');
    await writeFile(disk, randomBytes(16 * mib));
    execFileSync('mkfs.ext4', ['-q', '-F', '-E', 'nodiscard', disk]);
    const shared = await backUp((await qemuNbd(disk, '', '-f', 'raw', '-e', '8')).uri);
    expect(shared).toMatchObject({ allocation: [{ used: null }] });
    expect(shared.bytesRead).toBeGreaterThan(14 * mib);
    expect(shared.allocation?.[0]?.reason).toContain('takes writes');
    const alone = await backUp((await qemuNbd(disk, '', '-r', '-f', 'raw', '-e', '8')).uri, { full: true });
    expect(alone).toMatchObject({ allocation: [{ fileSystem: 'ext4', reason: null }] });
    expect(alone.bytesRead).toBeLessThan(8 * mib);
  });
});

describe.skipIf(noLibrary !== '')('an export of our own server', () => {
  it('is read over several connections, several requests at once', async () => {
    const { backUp, content } = await stage();
    const target = new MemoryTarget(randomBytes(8 * mib), { readOnly: true });
    let [waiting, most] = [0, 0];
    const read = target.read.bind(target);
    target.read = async (...words) => {
      most = Math.max(most, ++waiting);
      try {
        return await read(...words);
      } finally {
        waiting--;
      }
    };
    target.turns = () => 50;
    const { path, counters } = await serve(target);
    const result = await backUp(uriOf(path, 'disk'));
    expect((await content(result)).equals(target.bytes)).toBe(true);
    expect(counters).toMatchObject({ accepted: 4, errors: 0 });
    expect(most).toBeGreaterThanOrEqual(4);
  });

  it.each([1, 511, 4096, 3 * mib + 1])('may have %d bytes', async (size) => {
    const { backUp, content } = await stage();
    const target = new MemoryTarget(randomBytes(size), { readOnly: true });
    const result = await backUp(uriOf((await serve(target)).path, 'disk'));
    expect(result).toMatchObject({ size, warnings: [] });
    expect((await content(result)).equals(target.bytes)).toBe(true);
  });

  it('costs no reading where it is zero, in whatever pieces', async () => {
    const { backUp, content } = await stage();
    // Blocks of 16 granules: some empty, some with one granule at their beginning or end.
    const target = new MemoryTarget(
      image(`${'.'.repeat(64)}r${'.'.repeat(63)}${'.'.repeat(15)}r${'.'.repeat(640)}rr.`),
    );
    const result = await backUp(uriOf((await serve(target)).path, 'disk'));
    expect(result.bytesRead).toBe(2 * block + 3 * 4096);
    expect((await content(result)).equals(target.bytes)).toBe(true);
  });

  it('that grows and shrinks between runs is just another point', async () => {
    const { backUp, content } = await stage();
    for (const size of [4 * mib, 6 * mib + 512, 3 * mib - 4096]) {
      const target = new MemoryTarget(randomBytes(size), { readOnly: true });
      const result = await backUp(uriOf((await serve(target)).path, 'disk'));
      expect(result.size).toBe(size);
      expect((await content(result)).equals(target.bytes)).toBe(true);
    }
  });
});

describe.skipIf(noLibrary + noNbdkit !== '')('an export of nbdkit', () => {
  it.each<[string, string[]]>([
    ['without structured replies', ['--no-sr']],
    ['that wants requests of at least 4 KiB', ['--filter=blocksize-policy', 'blocksize-minimum=4096']],
    [
      'that wants requests of at least 64 KiB',
      ['--filter=blocksize-policy', 'blocksize-minimum=65536', 'blocksize-preferred=65536'],
    ],
    ['that takes requests of at most 64 KiB', ['--filter=blocksize-policy', 'blocksize-maximum=65536']],
  ])('%s', async (_, [first = '', ...words]) => {
    const { backUp, content } = await stage();
    const disk = join(await scratchFolder(), 'disk.raw');
    await writeFile(disk, randomBytes(3 * mib + block));
    await truncate(disk, 5 * mib);
    const policy = words.length > 0 ? [...words, 'blocksize-error-policy=error'] : [];
    const filters = policy.filter((it) => it.startsWith('blocksize'));
    const { uri } = await nbdkit(first, 'file', disk, ...filters);
    const result = await backUp(uri);
    expect(result).toMatchObject({ size: 5 * mib, warnings: [] });
    expect((await content(result)).equals(await converted(disk, 'raw'))).toBe(true);
  });

  it('of 1 TiB of zeros is done at once', async () => {
    const { backUp } = await stage();
    expect(await backUp((await nbdkit('null', `size=${2 ** 40}`)).uri)).toMatchObject({ bytesRead: 0, size: 2 ** 40 });
  });

  it('may be started by the first hook, and ended by the last', async () => {
    const { backUp, content } = await stage();
    const folder = await scratchFolder();
    const disk = join(folder, 'disk.raw');
    await writeFile(disk, randomBytes(mib));
    const pre = `nbdkit -P ${folder}/pid -U ${folder}/socket file ${disk}`;
    const post = `kill $(cat ${folder}/pid)`;
    const result = await backUp(uriOf(join(folder, 'socket')), { hooks: { pre, post } });
    expect(result.warnings).toEqual([]);
    expect((await content(result)).equals(await converted(disk, 'raw'))).toBe(true);
  });
});
