/** Disks whose points the tests mount, and what a mount must show of them. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { open, readdir, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { flipByte, mib, run } from '../e2e/images.ts';
import type { Json } from '../e2e/strata.ts';

/** A point of the repository, and the file that is bit for bit what its disk was. */
export interface Known {
  readonly id: string;
  readonly machine: string;
  readonly disk: string;
  readonly time: string;
  readonly size: number;
  readonly kind: string;
  readonly parent: string | null;
  readonly source: string;
  readonly partitions: readonly { readonly number: number; readonly offset: number; readonly size: number }[];
}
/** Sectors: label, and start, size and type of each partition. */
export const tables = {
  mbr: 'label: dos\n2048 8192 L\n10240 6144 c\n16384 24576 E\n18432 4096 L\n24576 2048 L\n',
  gpt: 'label: gpt\n2048 8192\n12288 16384\n',
} as const;

/** A disk with random bytes, text, written zeros and holes, and a partition table over them. */
export async function makeDisk(path: string, mebibytes: number, table: string): Promise<void> {
  await writeFile(path, '');
  await truncate(path, mebibytes * mib);
  await writeAt(path, mib, randomBytes(4 * mib));
  await writeAt(path, 6 * mib, Buffer.alloc(2 * mib, 'a text that compresses well, '));
  await writeAt(path, 9 * mib, Buffer.alloc(2 * mib));
  await writeAt(path, 13 * mib + 999, randomBytes(mib));
  await writeAt(path, mebibytes * mib - 100_000, randomBytes(100_000));
  const sfdisk = spawn('sfdisk', ['--quiet', '--no-reread', path], {
    env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` },
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  sfdisk.stdin.end(table);
  const [code] = await once(sfdisk, 'exit');
  if (code !== 0) throw new Error(`sfdisk ended with ${code}`);
}

/** Over 4 GiB and not of whole blocks, with data on either side of 4 GiB and at the end. */
export async function makeLargeDisk(path: string): Promise<void> {
  await writeFile(path, '');
  const size = 5 * 1024 * mib + 512;
  await truncate(path, size);
  await writeAt(path, 0, randomBytes(mib));
  await writeAt(path, 4 * 1024 * mib - 300_000, randomBytes(mib));
  await writeAt(path, size - 512, randomBytes(512));
}

export async function writeAt(path: string, offset: number, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'r+');
  await file.write(bytes, 0, bytes.length, offset);
  await file.close();
}

/** The partitions as sfdisk sees them. */
export async function partitionsOf(source: string): Promise<Known['partitions']> {
  const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
  const dump = await run('sfdisk', ['--json', source], { env }).catch(() => null);
  if (dump === null) return [];
  const { partitions = [] } = JSON.parse(dump.stdout).partitiontable;
  return partitions.map(({ node, start, size }: Json) => ({
    number: Number(node.slice(source.length).replace(/\D/g, '')),
    offset: start * 512,
    size: size * 512,
  }));
}

export function folderOf({ machine, disk, time, id }: Known): string {
  return join(machine, disk, `${time.slice(0, 19).replaceAll(':', '')}Z-${id.slice(0, 8)}`);
}

/** FNV-1a of 64 bits, as docs/format.md and native/fuse/tree.h have it. */
export function inodeOf(path: string): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of Buffer.from(path)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return hash;
}

export async function expectSameBytes(mounted: string, source: string, from = 0): Promise<void> {
  const [a, b] = [await open(mounted), await open(source)];
  try {
    const { size } = await a.stat();
    for (let at = 0; at < size; at += 4 * mib) {
      const [one, other] = [Buffer.alloc(4 * mib), Buffer.alloc(4 * mib)];
      const { bytesRead } = await a.read(one, 0, one.length, at);
      await b.read(other, 0, bytesRead, from + at);
      if (!one.equals(other)) throw new Error(`${mounted} differs from ${source} within 4 MiB from ${at} on`);
      if (bytesRead === 0) throw new Error(`${mounted} ends at ${at}`);
    }
  } finally {
    await Promise.all([a.close(), b.close()]);
  }
}

/** Turns over one byte in the middle of the pack that holds most of a point. */
export async function damageOnePack(repository: string, point: Known): Promise<void> {
  const files = (await readdir(join(repository, 'packs'), { recursive: true })).filter((name) =>
    name.includes(point.id),
  );
  for (const name of files) {
    const path = join(repository, 'packs', name);
    const { size } = await stat(path);
    if (size > 8 * mib) return flipByte(path, Math.floor(size / 2));
  }
  throw new Error(`no pack of ${point.id}`);
}
