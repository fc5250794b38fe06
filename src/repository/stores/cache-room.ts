/**
 * The room that copies of objects may take on the local disk: of one repository, for all processes of a user. What was used longest ago goes
 * first.
 *
 * Each process counts what it adds, and looks at the whole folder again when that is a part of the limit: so together they may go over it by
 * that part each, for a while. When a file was used last its time of change tells, which all see.
 */
import type { Stats } from 'node:fs';
import { readdir, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { LRUCache } from 'lru-cache';
import { cachePath } from '../caches.ts';

/** Bytes, unless it is said otherwise. */
export const usualCacheLimit = 4 * 1024 ** 3;

/** Milliseconds for which a map that was used stays: another process may have it open by its name. */
export const inUse = 30 * 60_000;
const touchEvery = 10 * 60_000;
/** Part of the limit after which the folder is looked at again. */
const uncounted = 1 / 16;

/** Where copies of all repositories in object storage lie, and their unfinished files. */
export function cachesOfStorage(): string {
  return cachePath('storage');
}

type Index = LRUCache<string, { readonly bytes: number }>;

export class CacheRoom {
  readonly folder: string;
  readonly limit: number;
  #index: Promise<Index> | undefined;
  #added = 0;
  readonly #touched = new LRUCache<string, true>({ max: 10_000, ttl: touchEvery });

  /** `limit` in bytes. */
  constructor(folder: string, limit: number) {
    this.folder = folder;
    this.limit = limit;
  }

  pathOf(name: string): string {
    return join(this.folder, name);
  }

  /** So many bytes were added to a file; others go when there is no room for them. */
  async grown(name: string, bytes: number): Promise<void> {
    this.#added += bytes;
    if (this.#added > this.limit * uncounted) {
      this.#added = 0;
      this.#index = undefined;
    }
    const known = this.#index !== undefined;
    const index = await this.#opened();
    const size = (known ? bytes : 0) + (index.peek(name)?.bytes ?? 0);
    if (size > this.limit) {
      index.delete(name);
      await this.#remove(name);
    } else {
      index.set(name, { bytes: size });
    }
  }

  /** A file was used, so it stays longer than others. */
  async used(name: string): Promise<void> {
    if (this.#touched.has(name)) return;
    this.#touched.set(name, true);
    const now = new Date();
    await utimes(this.pathOf(name), now, now).catch(() => undefined);
    if (this.#index !== undefined) (await this.#index).get(name);
  }

  #opened(): Promise<Index> {
    this.#index ??= this.#read();
    return this.#index;
  }

  async #read(): Promise<Index> {
    const index: Index = new LRUCache({
      maxSize: this.limit,
      sizeCalculation: ({ bytes }) => Math.max(1, bytes),
      dispose: (_, name, reason) => {
        if (reason === 'evict') void this.#remove(name);
      },
    });
    const found: { name: string; bytes: number; used: number }[] = [];
    for await (const { path, facts } of filesBelow(this.folder)) {
      if (path.endsWith('.part')) {
        if (facts.mtimeMs < Date.now() - inUse) await rm(path, { force: true });
        continue;
      }
      found.push({ name: path.slice(this.folder.length + 1), bytes: bytesOnDisk(facts), used: facts.mtimeMs });
    }
    for (const { name, bytes } of found.sort((a, b) => a.used - b.used)) {
      if (bytes > this.limit) await this.#remove(name);
      else index.set(name, { bytes });
    }
    return index;
  }

  /** Removes a copy. A map that somebody may be using is left to whoever looks next; ranges are looked up again for each use. */
  async #remove(name: string): Promise<void> {
    const path = this.pathOf(name);
    if (name.startsWith('maps/')) {
      const facts = await stat(path).catch(() => null);
      if (facts === null || facts.mtimeMs >= Date.now() - inUse) return;
    }
    await rm(path, { force: true }).catch(() => undefined);
  }
}

/** Bytes that copies of all repositories take in a folder of caches. */
export async function bytesOfCopies(caches: string): Promise<number> {
  let bytes = 0;
  for await (const { facts } of filesBelow(caches)) bytes += bytesOnDisk(facts);
  return bytes;
}

async function* filesBelow(folder: string): AsyncIterable<{ readonly path: string; readonly facts: Stats }> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const facts = await stat(path).catch(() => null);
    if (facts !== null) yield { path, facts };
  }
}

/** Of a file with holes, what is there. */
function bytesOnDisk({ size, blocks }: Stats): number {
  return Math.min(size, blocks * 512);
}
