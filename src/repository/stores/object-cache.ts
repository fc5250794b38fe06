/**
 * Copies of whole objects on the local disk: block maps, which the addon reads as files. It can be deleted at any time, and is
 * shared by all processes of a user.
 *
 * A copy has its name when it is whole and synced, so a process that is killed leaves none that is not. Objects never change, so a copy is
 * never out of date; whether the object is still there, the store is asked. What was used within half an hour stays, for another process may have
 * it open by its name.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, open, rename, rm, stat, utimes } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { CacheRoom } from './cache-room.ts';

const touchEvery = 10 * 60_000;

export class ObjectCache {
  readonly #room: CacheRoom;
  /** Files that this process may have open by name: kept fresh, so that no other removes them. */
  readonly #held = new Set<string>();
  #timer: NodeJS.Timeout | undefined;

  constructor(room: CacheRoom) {
    this.#room = room;
  }

  pathOf(name: string): string {
    return this.#room.pathOf(name);
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
    await this.#room.grown(name, (await stat(this.pathOf(name))).size);
  }

  #hold(path: string): void {
    this.#held.add(path);
    this.#timer ??= setInterval(() => {
      const now = new Date();
      for (const held of this.#held) utimes(held, now, now).catch(() => undefined);
    }, touchEvery).unref();
  }
}
