/** The packs in a repository: where they lie and whose they are (docs/format.md, Ids and Packs). */
import { fail } from '../errors.ts';
import type { PackRef } from '../native/maps.ts';
import { concurrently } from './concurrently.ts';
import type { Repository } from './repository.ts';
import type { StoredObject } from './stores/store.ts';

/** Of packs that were written, and of those that a store joined of parts of others. */
const endMagics = ['STRPEND1', 'STRPEND2'];
const startLength = 16;
const endLength = 16;
const endsAtOnce = 8;

/** Name of a pack in the store. */
export function packName(id: string): string {
  return `packs/${id.slice(-2)}/${id}`;
}

/** Which of the packs of its run it is, from 0. */
export function numberOfPack(id: string): number {
  return Number.parseInt(id.slice(24), 16);
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
  for await (const { id, name, bytes } of packObjects(repo)) packs.set(id, repo.store.packRef(id, name, bytes));
  return packs;
}

/** The size of each pack, by id: of millions, this takes the least memory. */
export async function listPackSizes(repo: Repository): Promise<Map<string, number>> {
  const sizes = new Map<string, number>();
  for await (const { id, bytes } of packObjects(repo)) sizes.set(id, bytes);
  return sizes;
}

async function* packObjects({ store }: Repository): AsyncIterable<StoredObject & { readonly id: string }> {
  for await (const object of store.list('packs/')) {
    const id = object.name.slice('packs/xx/'.length);
    if (/^[0-9a-f]{32}$/.test(id) && object.name === packName(id)) yield { ...object, id };
  }
}

/** Whether all of these packs are as long as their ends say; PACK_MISSING when one is not there at all. */
export async function arePacksWhole(repo: Repository, ids: readonly string[]): Promise<boolean> {
  if (repo.store.folder !== null) {
    const whole = await concurrently(ids, endsAtOnce, async (id) =>
      isWhole(repo, await repo.store.stat(packName(id)), id),
    );
    return whole.every(Boolean);
  }
  // From afar a listing tells of all at once, and an object is there whole or not at all.
  const packs = await listPacks(repo);
  for (const id of ids) if (!packs.has(id)) throw missing(repo, id);
  return true;
}

async function isWhole(repo: Repository, found: StoredObject | null, id: string): Promise<boolean> {
  if (found === null) throw missing(repo, id);
  if (found.bytes < startLength + endLength) return false;
  const end = await repo.store.getRange(found.name, found.bytes - endLength, endLength);
  return (
    end.length === endLength &&
    endMagics.includes(end.toString('latin1', 8)) &&
    end.readUInt32LE(0) >= startLength &&
    end.readUInt32LE(0) + end.readUInt32LE(4) + endLength === found.bytes
  );
}

function missing(repo: Repository, id: string) {
  return fail('PACK_MISSING', { path: `${repo.location}/${packName(id)}`, reason: 'restore points refer to it' });
}
