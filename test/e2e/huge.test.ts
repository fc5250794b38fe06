/** A disk of 60 TiB, as large as the largest format of Windows takes: backed up, mounted in every format that can, read at its ends. */
import { mkdir, open, readdir, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeBytes } from '../model/bytes.ts';
import { memoryPlace } from '../unit/scratch.ts';
import { run } from './images.ts';
import { openBench } from './strata.ts';

const tib = 1024 ** 4;
const size = 60 * tib;
const piece = 200_000;

async function bytesOf(path: string, position: number, length: number): Promise<Buffer> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

test('a disk of 60 TiB is backed up and shown', { timeout: 120_000 }, async () => {
  // Files in memory may be that long.
  const bench = await openBench('', memoryPlace);
  const env = { STRATA_REPO: bench.path('repo') };
  const disk = bench.path('disk.img');
  const [first, last] = [makeBytes(piece, 1), makeBytes(piece, 2)];
  await writeFile(disk, first);
  await truncate(disk, size);
  const file = await open(disk, 'r+');
  await file.write(last, 0, piece, size - piece);
  await file.close();
  await bench.document(['init', '--no-encryption'], { env });
  const made = (await bench.events(['backup', disk, '--machine', 'm', '--disk', 'd'], { env })).at(-1);
  expect(made).toMatchObject({ size, blocks: { changed: 2 } });
  const directory = bench.path('mounted');
  await mkdir(directory);
  await bench.document(['mount', directory], { env });
  try {
    const point = join(directory, 'm/d/latest');
    const raw = join(point, 'disk.raw');
    expect((await stat(raw)).size).toBe(size);
    expect((await bytesOf(raw, 0, piece)).equals(first)).toBe(true);
    expect((await bytesOf(raw, size - piece, 2 * piece)).equals(last)).toBe(true);
    expect((await bytesOf(raw, 30 * tib, 4096)).equals(Buffer.alloc(4096))).toBe(true);
    // A VHD ends at 2 TiB.
    expect(await readdir(point)).toEqual(expect.not.arrayContaining(['disk.vhd']));
    for (const format of ['vhdx', 'vmdk', 'qcow2']) {
      const image = join(point, `disk.${format}`);
      const { stdout } = await run('qemu-img', ['info', '--output=json', '-f', format, image]);
      expect(JSON.parse(stdout)['virtual-size']).toBe(size);
      const command = `read -v ${size - 512} 512`;
      const read = await run('qemu-io', ['-r', '-f', format, '-c', command, image]);
      expect(hexOf(read.stdout)).toBe(last.subarray(-512).toString('hex'));
    }
  } finally {
    await bench.document(['umount', directory], { env });
  }
});

/** The bytes of a dump of qemu-io: each line has its place, sixteen bytes, and the same as text. */
function hexOf(dump: string): string {
  const lines = [...dump.matchAll(/^[0-9a-f]+:((?: +[0-9a-f]{2}){16})/gm)];
  return lines.map(([, bytes = '']) => bytes.replaceAll(' ', '')).join('');
}
