/** The packs in a repository: where they lie and whose they are (docs/format.md, Ids and Packs). */
import { open } from 'node:fs/promises';
import { fail, fromSystem } from '../errors.ts';
import type { PackRef } from '../native.ts';
import type { Repository } from './repository.ts';

const endMagic = 'STRPEND1';
const startLength = 16;
const endLength = 16;

/** Name of a pack in the store. */
export function packName(id: string): string {
  return `packs/${id.slice(-2)}/${id}`;
}

/** The run that wrote a pack. */
export function runOfPack(id: string): string {
  return id.slice(0, 24);
}

/** The n-th pack that a run writes. */
export function packOfRun(run: string, n: number): string {
  return `${run}${n.toString(16).padStart(8, '0')}`;
}

/** All packs, by id. */
export async function listPacks(repo: Repository): Promise<Map<string, PackRef>> {
  const packs = new Map<string, PackRef>();
  for await (const { name, bytes } of repo.store.list('packs/')) {
    const id = name.slice('packs/xx/'.length);
    if (/^[0-9a-f]{32}$/.test(id) && name === packName(id))
      packs.set(id, { id, path: repo.store.localPath(name), bytes });
  }
  return packs;
}

/** Whether a pack is as long as its end says; PACK_MISSING when it is not there at all. */
export async function isWholePack(repo: Repository, id: string): Promise<boolean> {
  const path = repo.store.localPath(packName(id));
  const found = await repo.store.stat(packName(id));
  if (found === null) throw fail('PACK_MISSING', { path, reason: 'restore points refer to it' });
  const end = await readEnd(path, found.bytes);
  return (
    end !== null &&
    end.toString('latin1', 8) === endMagic &&
    end.readUInt32LE(0) >= startLength &&
    end.readUInt32LE(0) + end.readUInt32LE(4) + endLength === found.bytes
  );
}

async function readEnd(path: string, bytes: number): Promise<Buffer | null> {
  if (bytes < startLength + endLength) return null;
  try {
    const file = await open(path, 'r');
    try {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(endLength), 0, endLength, bytes - endLength);
      return bytesRead === endLength ? buffer : null;
    } finally {
      await file.close();
    }
  } catch (error) {
    throw fromSystem(error, `cannot read ${path}`);
  }
}
