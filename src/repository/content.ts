/** Small parts of a point's content, for looking at its structure; bulk reading is native's. */
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromNative, fromSystem } from '../errors.ts';
import { type Chain, native, type RestoreOptions } from '../native.ts';
import type { ReadAt } from './layout/partition.ts';
import type { Manifest } from './manifest.ts';
import type { Repository } from './repository.ts';

const sector = 512;

/** Reads parts of the disk of a point whose maps are given. */
export function contentReader(repo: Repository, manifest: Manifest, chain: Chain): ReadAt {
  return async (offset, length) => {
    const content = Buffer.alloc(length);
    const from = Math.floor(offset / sector) * sector;
    const end = Math.min(Math.ceil((offset + length) / sector) * sector, manifest.size);
    if (end > from) (await restorePart(repo, manifest, chain, from, end - from)).copy(content, 0, offset - from);
    return content;
  };
}

/** The addon restores to files only: it goes through one that nobody else can open. */
async function restorePart(
  repo: Repository,
  manifest: Manifest,
  chain: Chain,
  from: number,
  length: number,
): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), 'strata-'));
  try {
    const file = await open(join(folder, 'part'), 'wx+', 0o600);
    try {
      await file.truncate(length);
      const { size, blockSize } = manifest;
      const packs = { folder: repo.store.localPath('packs') };
      const part = { vault: repo.vault, chain, packs, fd: file.fd, size, blockSize, from, length };
      await runRestore({ ...part, mode: 'fresh', sparse: true, threads: 1 }, `point ${manifest.id}`);
      return await file.readFile();
    } finally {
      await file.close();
    }
  } catch (error) {
    throw fromSystem(error, `cannot use ${folder}`);
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function runRestore(options: RestoreOptions, subject: string): Promise<void> {
  try {
    await native.startRestore(options).finished;
  } catch (error) {
    throw fromNative(error, subject);
  }
}
