/**
 * The object store in a folder of a local file system.
 *
 * An object is written to `tmp/`, synced, linked to its name and the folder synced: `link` is the conditional
 * creation, for it fails when the name exists. So an object is whole and durable, or not there.
 */
import { randomBytes } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { link, mkdir, open, readdir, readFile, rm, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fail, fromSystem, type StrataError } from '../../errors.ts';
import type { PackPlace, PackRef } from '../../native/maps.ts';
import { native } from '../../native.ts';
import { concurrently } from '../concurrently.ts';
import { failpoint } from '../failpoint.ts';
import type { LockedObject } from './lock.ts';
import type { ObjectStore, SizedObject, StoredObject } from './store.ts';

const removalsAtOnce = 16;
const statsAtOnce = 16;
/** How many objects of a listing are looked at before they are handed on. */
const listedAtOnce = 1000;

export class LocalStore implements ObjectStore {
  readonly location: string;
  readonly folder: string;
  readonly traffic = null;
  readonly joining = null;
  readonly clockAhead = null;
  readonly locks = null;
  readonly packs: PackPlace;
  /** Folders known to be durable, so that each is made and synced once. */
  readonly #known = new Set<string>();

  constructor(location: string) {
    this.location = location;
    this.folder = location;
    this.packs = { folder: this.localPath('packs') };
  }

  async put(name: string, content: Uint8Array): Promise<void> {
    const temporary = this.localPath(`tmp/put-${randomBytes(8).toString('hex')}`);
    try {
      // A repository that was copied may have lost its empty folders.
      await this.#ensureFolder(dirname(temporary));
      await writeDurably(temporary, content);
      await this.#publish(temporary, name);
    } catch (error) {
      // The write has failed already, and what stays in tmp/ is swept by a later run.
      await unlink(temporary).catch(() => undefined);
      throw this.#failed(`write ${name}`, error);
    }
  }

  async adopt(name: string, spoolFile: string): Promise<void> {
    try {
      await syncPath(spoolFile);
      await this.#publish(spoolFile, name);
    } catch (error) {
      throw this.#failed(`write ${name}`, error);
    }
  }

  async get(name: string): Promise<Buffer> {
    try {
      failpoint('store.read');
      return await readFile(this.localPath(name));
    } catch (error) {
      if (isMissing(error)) throw fail('OBJECT_MISSING', { name }, { cause: error });
      throw this.#failed(`read ${name}`, error);
    }
  }

  async getAll(names: readonly string[]): Promise<(Buffer | null | StrataError)[]> {
    const found = await native.readFiles(names.map((name) => this.localPath(name)));
    return found.map((file, index) => {
      try {
        failpoint('store.read');
        if (file instanceof Error) throw file;
        return file;
      } catch (error) {
        return this.#failed(`read ${names[index]}`, error);
      }
    });
  }

  getListed(names: readonly string[]): Promise<(Buffer | null | StrataError)[]> {
    return this.getAll(names);
  }

  async stat(name: string): Promise<StoredObject | null> {
    try {
      const found = await stat(this.localPath(name));
      return found.isFile() ? { name, bytes: found.size, modified: found.mtime } : null;
    } catch (error) {
      if (isMissing(error)) return null;
      throw this.#failed(`read ${name}`, error);
    }
  }

  async *list(prefix: string): AsyncIterable<StoredObject> {
    let names: string[] = [];
    const found = () => concurrently(names, statsAtOnce, (name) => this.stat(name));
    for await (const name of this.names(prefix)) {
      names.push(name);
      if (names.length < listedAtOnce) continue;
      for (const object of await found()) if (object !== null) yield object;
      names = [];
    }
    for (const object of await found()) if (object !== null) yield object;
  }

  async *names(prefix: string): AsyncIterable<string> {
    const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1);
    const entries = (await this.#entries(folder)).filter((entry) => `${folder}${entry.name}`.startsWith(prefix));
    for (const entry of entries) if (entry.isFile()) yield `${folder}${entry.name}`;
    for (const entry of entries) {
      const inside = `${folder}${entry.name}/`;
      if (entry.isDirectory() && inside !== 'tmp/') yield* this.names(inside);
    }
  }

  async remove(name: string): Promise<void> {
    const path = this.localPath(name);
    try {
      failpoint('store.remove');
      await unlink(path);
      await syncPath(dirname(path));
    } catch (error) {
      if (!isMissing(error)) throw this.#failed(`remove ${name}`, error);
    }
  }

  /** Of a copy of a bucket, which has no locks. */
  lockBy(): void {}

  async removeAll(names: readonly string[]): Promise<readonly LockedObject[]> {
    const paths = names.map((name) => this.localPath(name));
    await concurrently(paths, removalsAtOnce, (path) => this.#unlink(path));
    for (const folder of new Set(paths.map(dirname))) {
      try {
        await syncPath(folder);
      } catch (error) {
        if (!isMissing(error)) throw this.#failed(`remove from ${folder}`, error);
      }
    }
    return [];
  }

  async getRange(name: string, offset: number, length: number): Promise<Buffer> {
    try {
      failpoint('store.read');
      const file = await open(this.localPath(name), 'r');
      try {
        const { bytesRead, buffer } = await file.read(Buffer.alloc(length), 0, length, offset);
        return buffer.subarray(0, bytesRead);
      } finally {
        await file.close();
      }
    } catch (error) {
      if (isMissing(error)) throw fail('OBJECT_MISSING', { name }, { cause: error });
      throw this.#failed(`read ${name}`, error);
    }
  }

  packRef(id: string, name: string, bytes: number): PackRef {
    return { id, path: this.localPath(name), bytes };
  }

  bring(objects: readonly SizedObject[]): Promise<(number | null)[]> {
    return concurrently(objects, statsAtOnce, async ({ name }) => (await this.stat(name))?.bytes ?? null);
  }

  localPath(name: string): string {
    return join(this.location, name);
  }

  async spool(run: string): Promise<string> {
    const folder = this.localPath(`tmp/${run}`);
    try {
      failpoint('store.spool');
      await mkdir(folder, { mode: 0o700 }).catch(unlessExists);
      return folder;
    } catch (error) {
      throw this.#failed(`make tmp/${run}`, error);
    }
  }

  async spools(): Promise<readonly string[]> {
    const entries = await this.#entries('tmp/');
    return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  }

  async finishUploads(): Promise<void> {}

  async clearSpool(run: string): Promise<void> {
    try {
      failpoint('store.clear');
      await rm(this.localPath(`tmp/${run}`), { recursive: true, force: true });
    } catch (error) {
      throw this.#failed(`remove tmp/${run}`, error);
    }
  }

  async clearUnfinished(before: Date): Promise<void> {
    for (const entry of await this.#entries('tmp/')) {
      const name = `tmp/${entry.name}`;
      const found = entry.isFile() ? await this.stat(name) : null;
      if (found !== null && found.modified < before) await this.remove(name);
    }
  }

  async close(): Promise<void> {}

  /** Gives a finished, synced file its name. */
  async #publish(file: string, name: string): Promise<void> {
    const target = this.localPath(name);
    await this.#ensureFolder(dirname(target));
    failpoint('store.link');
    try {
      await link(file, target);
    } catch (error) {
      if (isCode(error, 'EEXIST')) throw fail('OBJECT_EXISTS', { name }, { cause: error });
      throw error;
    }
    await syncPath(dirname(target));
    failpoint('store.unlink');
    await unlink(file);
  }

  async #unlink(path: string): Promise<void> {
    try {
      failpoint('store.remove');
      await unlink(path);
    } catch (error) {
      if (!isMissing(error)) throw this.#failed(`remove ${path}`, error);
    }
  }

  async #ensureFolder(folder: string): Promise<void> {
    if (this.#known.has(folder)) return;
    failpoint('store.folder');
    await mkdir(folder, { mode: 0o700 }).catch(unlessExists);
    // Also when it was there: who made it may not have come to this.
    await syncPath(dirname(folder));
    this.#known.add(folder);
  }

  async #entries(folder: string): Promise<Dirent[]> {
    try {
      return await readdir(this.localPath(folder), { withFileTypes: true });
    } catch (error) {
      if (isMissing(error)) return [];
      throw this.#failed(`list ${folder}`, error);
    }
  }

  #failed(action: string, error: unknown): StrataError {
    return fromSystem(error, `cannot ${action} in repository ${this.location}`);
  }
}

/** Makes what was written to a file, or which names a folder holds, durable. */
export async function syncPath(path: string): Promise<void> {
  failpoint('store.fsync');
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function writeDurably(path: string, content: Uint8Array): Promise<void> {
  failpoint('store.open');
  const file = await open(path, 'wx', 0o600);
  try {
    failpoint('store.write');
    await file.writeFile(content);
    failpoint('store.fsync');
    await file.sync();
  } finally {
    await file.close();
  }
}

function isCode(error: unknown, ...codes: readonly string[]): boolean {
  return codes.includes((error as NodeJS.ErrnoException).code ?? '');
}

function unlessExists(error: unknown): void {
  if (!isCode(error, 'EEXIST')) throw error;
}

function isMissing(error: unknown): boolean {
  return isCode(error, 'ENOENT', 'ENOTDIR');
}
