/**
 * Copies of objects on the local disk: block maps, which the addon reads as files. It can be deleted at any time, is
 * shared by all processes of a user, and bounded: what was used longest ago goes first.
 *
 * A copy has its name when it is whole and synced, so a process that is killed leaves none that is not. Objects never change, so a copy is
 * never out of date; whether the object is still there, the store is asked. What was used within half an hour stays, for another process may have
 * it open by its name.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { LRUCache } from 'lru-cache';

const inUse = 30 * 60_000;
const touchEvery = 10 * 60_000;

export class ObjectCache {
  readonly folder: string;
  readonly #limit: number;
  #index: Promise<LRUCache<string, { readonly bytes: number }>> | undefined;
  /** Files that this process may have open by name: kept fresh, so that no other removes them. */
  readonly #held = new Set<string>();
  #timer: NodeJS.Timeout | undefined;

  /** `limit` in bytes. */
  constructor(folder: string, limit: number) {
    this.folder = folder;
    this.#limit = limit;
  }

  pathOf(name: string): string {
    return join(this.folder, name);
  }

  /** Size of a copy, which stays as long as this process has the cache open; null when there is none. */
  async hold(name: string): Promise<number | null> {
    const path = this.pathOf(name);
    const now = new Date();
    try {
      const { size } = await stat(path);
      await utimes(path, now, now);
      this.#hold(path);
      return size;
    } catch {
      return null;
    }
  }

  /** Keeps a copy. */
  async write(name: string, content: AsyncIterable<Uint8Array>): Promise<void> {
    const path = this.pathOf(name);
    const temporary = `${path}.${process.pid}.${randomBytes(4).toString('hex')}.part`;
    try {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      const file = await open(temporary, 'wx', 0o600);
      try {
        for await (const piece of content) await file.writeFile(piece);
        await file.datasync();
      } finally {
        await file.close();
      }
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
    await this.#count(name);
  }

  /** Makes a file that nobody needs any more the copy; when that cannot be done there is none. */
  async take(name: string, file: string): Promise<void> {
    const path = this.pathOf(name);
    try {
      const handle = await open(file, 'r');
      await handle.datasync().finally(() => handle.close());
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      await rename(file, path);
      await this.#count(name);
    } catch {
      await rm(file, { force: true });
    }
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #count(name: string): Promise<void> {
    const { size } = await stat(this.pathOf(name));
    (await this.#opened()).set(name, { bytes: size });
  }

  #hold(path: string): void {
    this.#held.add(path);
    this.#timer ??= setInterval(() => {
      const now = new Date();
      for (const held of this.#held) utimes(held, now, now).catch(() => undefined);
    }, touchEvery).unref();
  }

  /** What is in the folder, used longest ago first. */
  #opened(): Promise<LRUCache<string, { readonly bytes: number }>> {
    this.#index ??= this.#read();
    return this.#index;
  }

  async #read(): Promise<LRUCache<string, { readonly bytes: number }>> {
    const index = new LRUCache<string, { readonly bytes: number }>({
      maxSize: this.#limit,
      sizeCalculation: ({ bytes }) => Math.max(1, bytes),
      dispose: (_, name, reason) => {
        if (reason === 'evict') void this.#remove(name);
      },
    });
    const entries = await readdir(this.folder, { recursive: true, withFileTypes: true }).catch(() => []);
    const found: { name: string; bytes: number; used: number }[] = [];
    for (const entry of entries.filter((it) => it.isFile())) {
      const path = join(entry.parentPath, entry.name);
      const facts = await stat(path).catch(() => null);
      if (facts === null) continue;
      if (entry.name.endsWith('.part')) {
        if (facts.mtimeMs < Date.now() - inUse) await rm(path, { force: true });
        continue;
      }
      found.push({ name: path.slice(this.folder.length + 1), bytes: facts.size, used: facts.mtimeMs });
    }
    for (const { name, bytes } of found.sort((a, b) => a.used - b.used)) index.set(name, { bytes });
    return index;
  }

  /** Removes a copy that nobody can be using; one that somebody may use is left to whoever opens the cache next. */
  async #remove(name: string): Promise<void> {
    const path = this.pathOf(name);
    const facts = await stat(path).catch(() => null);
    if (facts !== null && facts.mtimeMs < Date.now() - inUse) await rm(path, { force: true });
  }
}
