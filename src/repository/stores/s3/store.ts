/**
 * The object store in a bucket (docs/design.md, Object storage).
 *
 * Records are created by one conditional request each. Packs and maps have names that no other run can choose, and may come in
 * parts. Maps are brought to the local disk whole before the addon reads them; of packs it asks for ranges.
 */
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fail, fromSystem, isStrataError, type StrataError } from '../../../errors.ts';
import type { PackPlace, PackRef } from '../../../native/maps.ts';
import { concurrently } from '../../concurrently.ts';
import type { Warning } from '../../events.ts';
import { CacheRoom } from '../cache-room.ts';
import { Fetching } from '../fetching.ts';
import { KeptRanges } from '../kept-ranges.ts';
import { KeptRecords } from '../kept-records.ts';
import { endOfLock, isLockable, type LockedObject, type LockRule, type ObjectLocks } from '../lock.ts';
import { ObjectCache } from '../object-cache.ts';
import type { RangeUse } from '../open.ts';
import { RangeCache } from '../range-cache.ts';
import type { Joining, ObjectStore, SizedObject, StoredObject } from '../store.ts';
import type { Traffic } from '../traffic.ts';
import { Turns } from '../turns.ts';
import { formatS3Address, type S3Address } from './address.ts';
import type { Bucket, Entry } from './bucket.ts';
import { joinRanges } from './join.ts';
import { long } from './line.ts';
import type { Lock } from './retentions.ts';
import { resumeUpload, smallestPart, uploadFile } from './upload.ts';

interface S3StoreOptions {
  readonly address: S3Address;
  readonly bucket: Bucket;
  /** Of this machine, for copies and unfinished files of all repositories in object storage. */
  readonly caches: string;
  /** Uses no copies that were made before, and leaves none. */
  readonly fresh: boolean;
  /** Bytes of copies of this repository. */
  readonly cacheLimit: number;
  readonly ranges: RangeUse;
  readonly warn: (warning: Warning) => void;
  /** Ends reading and storing of contents; what ends a run goes on. */
  readonly signal: AbortSignal | undefined;
}

const readsAtOnce = 32;
/** On a line that is slow one after the other: what is under way when a run dies has to be sent again. */
const uploadsAtOnce = 4;
/** Of an object that is brought, at once in memory. */
const pieceBytes = 16 * 1024 ** 2;
const runDigits = 24;
const hexDigits = [...'0123456789abcdef'];

export class S3Store implements ObjectStore {
  readonly location: string;
  readonly folder = null;
  readonly #bucket: Bucket;
  readonly #prefix: string;
  readonly #folder: string;
  readonly #cache: ObjectCache;
  readonly #fresh: boolean;
  /** Null: none are kept. */
  readonly #records: KeptRecords | null;
  readonly #ranges: KeptRanges;
  readonly #rangeCache: RangeCache | null;
  readonly #signal: AbortSignal | undefined;
  readonly #uploads = new Turns(uploadsAtOnce, { first: 2, slow: long });
  #fetching: Fetching | undefined;
  #locks: ObjectLocks | null = null;

  constructor({ address, bucket, caches, cacheLimit, fresh, ranges, warn, signal }: S3StoreOptions) {
    this.location = formatS3Address(address);
    this.#bucket = bucket;
    this.#signal = signal;
    this.#prefix = address.prefix === '' ? '' : `${address.prefix}/`;
    // Buckets of one name may be on several servers.
    const id = createHash('sha256').update(`${bucket.endpoint}\n${this.location}`).digest('hex').slice(0, 32);
    this.#folder = join(caches, id);
    this.#fresh = fresh;
    const copies = fresh ? join('fresh', `${process.pid}-${randomBytes(4).toString('hex')}`) : 'copies';
    const room = new CacheRoom(join(this.#folder, copies), cacheLimit);
    this.#cache = new ObjectCache(room);
    this.#records = fresh || cacheLimit === 0 ? null : new KeptRecords(join(this.#folder, 'points'));
    this.#rangeCache = ranges !== 'fetched' && !fresh && cacheLimit > 0 ? new RangeCache(room, warn) : null;
    this.#ranges = new KeptRanges(
      {
        range: (name, offset, length) => this.#bucket.get(this.#key(name), { offset, length }, this.#signal),
        size: async (name) => {
          const found = await this.stat(name);
          if (found === null) throw fail('OBJECT_MISSING', { name });
          return found.bytes;
        },
      },
      this.#rangeCache,
      ranges === 'kept',
    );
  }

  get clockAhead(): number | null {
    return this.#bucket.clockAhead;
  }

  get traffic(): Traffic {
    return { ...this.#bucket.traffic, fromCache: this.#ranges.traffic };
  }

  get locks(): ObjectLocks | null {
    return this.#locks;
  }

  lockBy(rule: LockRule): void {
    this.#locks = {
      rule,
      until: (name) => this.#bucket.lockedUntil(this.#key(name)),
      renew: (name, from = this.#bucket.now) =>
        this.#bucket.lock(this.#key(name), { mode: rule.mode, until: endOfLock(rule, from) }),
    };
  }

  /** What an object that is created now is locked by. */
  #lockOf(name: string): Lock | undefined {
    if (this.#locks === null || !isLockable(name)) return undefined;
    const { rule } = this.#locks;
    return { mode: rule.mode, until: endOfLock(rule, this.#bucket.now) };
  }

  put(name: string, content: Uint8Array): Promise<void> {
    return this.#named(name, this.#bucket.create(this.#key(name), content, { lock: this.#lockOf(name) }));
  }

  async adopt(name: string, spoolFile: string): Promise<void> {
    await this.#named(
      name,
      this.#uploads.take(() =>
        uploadFile(this.#bucket, this.#key(name), spoolFile, { lock: this.#lockOf(name), signal: this.#signal }),
      ),
    );
    // The next run begins with the map that this one has made.
    if (name.startsWith('maps/')) await this.#cache.take(name, spoolFile);
    else await rm(spoolFile, { force: true });
  }

  get joining(): Joining {
    return {
      smallestPart,
      join: async (name, ranges, spoolFile) => {
        const sources = ranges.map(({ name: source, ...range }) => ({ key: this.#key(source), ...range }));
        const join = () =>
          joinRanges(this.#bucket, this.#key(name), sources, spoolFile, {
            lock: this.#lockOf(name),
            signal: this.#signal,
          });
        await this.#named(name, this.#uploads.take(join));
        await rm(spoolFile, { force: true });
      },
    };
  }

  get(name: string): Promise<Buffer> {
    return this.#named(name, this.#bucket.get(this.#key(name)));
  }

  getAll(names: readonly string[]): Promise<(Buffer | null | StrataError)[]> {
    return concurrently(names, readsAtOnce, async (name) => {
      try {
        return await this.get(name);
      } catch (error) {
        if (isStrataError(error, 'OBJECT_MISSING')) return null;
        if (isStrataError(error)) return error;
        throw error;
      }
    });
  }

  async getListed(names: readonly string[], all = names): Promise<(Buffer | null | StrataError)[]> {
    if (this.#records === null) return this.getAll(names);
    const kept = await this.#records.find(names);
    const missing = names.filter((name) => !kept.has(name));
    const fetched = new Map((await this.getAll(missing)).map((content, index) => [missing[index] ?? '', content]));
    const whole = [...fetched].filter((entry): entry is [string, Buffer] => Buffer.isBuffer(entry[1]));
    await this.#records.keep(new Map(whole), new Set(all));
    return names.map((name) => kept.get(name) ?? fetched.get(name) ?? null);
  }

  async stat(name: string): Promise<StoredObject | null> {
    const found = await this.#bucket.head(this.#key(name));
    return found === null ? null : { name, bytes: found.bytes, modified: found.modified };
  }

  async *list(prefix: string): AsyncIterable<StoredObject> {
    // Packs are many, and evenly spread: sixteen listings at once instead of one page after the other.
    if (prefix === 'packs/') {
      const parts = await concurrently(hexDigits, hexDigits.length, (digit) => this.#listAll(`packs/${digit}`));
      for (const part of parts) yield* part;
    } else {
      for await (const page of this.#bucket.list(this.#key(prefix))) yield* page.map((entry) => this.#object(entry));
    }
  }

  async *names(prefix: string): AsyncIterable<string> {
    for await (const { name } of this.list(prefix)) yield name;
  }

  async remove(name: string): Promise<void> {
    const [locked] = await this.removeAll([name]);
    if (locked !== undefined) throw fail('OBJECT_LOCKED', { name, until: locked.until.toISOString() });
  }

  async removeAll(names: readonly string[]): Promise<readonly LockedObject[]> {
    const locked = await this.#bucket.remove(names.map((name) => this.#key(name)));
    return locked.map(({ key, until }) => ({ name: this.#nameOf(key), until }));
  }

  localPath(name: string): string {
    return this.#cache.pathOf(name);
  }

  bring(objects: readonly SizedObject[]): Promise<(number | null)[]> {
    return concurrently(objects, readsAtOnce, async ({ name, bytes }) => {
      const held = await this.#cache.hold(name);
      if (held !== null) return held;
      try {
        await this.#cache.write(name, this.#pieces(name, bytes));
        return await this.#cache.hold(name);
      } catch (error) {
        if (isStrataError(error, 'OBJECT_MISSING')) return null;
        throw fromSystem(error, `cannot keep a copy of ${name} at ${this.#cache.pathOf(name)}`);
      }
    });
  }

  /** An object of about so many bytes, in order. */
  async *#pieces(name: string, bytes: number): AsyncIterable<Buffer> {
    if (bytes <= pieceBytes)
      return yield await this.#named(name, this.#bucket.get(this.#key(name), undefined, this.#signal));
    for (let offset = 0; offset < bytes; offset += pieceBytes) {
      yield await this.getRange(name, offset, Math.min(pieceBytes, bytes - offset));
    }
  }

  get packs(): PackPlace {
    this.#fetching ??= new Fetching(this.#ranges);
    return { folder: `${this.location}/packs`, remote: this.#fetching.remote };
  }

  packRef(id: string, name: string, bytes: number): PackRef {
    return { ...this.packs, id, path: `${this.location}/${name}`, bytes };
  }

  getRange(name: string, offset: number, length: number): Promise<Buffer> {
    return this.#named(name, this.#bucket.get(this.#key(name), { offset, length }, this.#signal));
  }

  async spool(run: string): Promise<string> {
    const folder = this.#spoolPath(run);
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      return folder;
    } catch (error) {
      throw fromSystem(error, `cannot make ${folder}`);
    }
  }

  async spools(): Promise<readonly string[]> {
    return readdir(this.#spoolPath('')).catch(() => []);
  }

  async finishUploads(run: string): Promise<void> {
    const files = new Set(await readdir(this.#spoolPath(run)).catch(() => []));
    if (files.size === 0) return;
    try {
      for (const upload of await this.#bucket.uploads.unfinished(this.#key('packs/'))) {
        const file = `${basename(upload.key)}.pack`;
        if (!files.has(file)) continue;
        const how = { lock: this.#lockOf(upload.key.slice(this.#prefix.length)), signal: this.#signal };
        await resumeUpload(this.#bucket, upload, join(this.#spoolPath(run), file), how);
      }
    } catch (error) {
      // Not allowed, or another process was here first: else its packs are made and sent anew.
      const gone = (error as NodeJS.ErrnoException).code === 'ENOENT';
      if (!gone && !isStrataError(error, 'STORAGE_FORBIDDEN', 'STORAGE_FAILED', 'OBJECT_MISSING')) throw error;
    }
  }

  async clearSpool(run: string): Promise<void> {
    await rm(this.#spoolPath(run), { recursive: true, force: true });
  }

  async clearUnfinished(before: Date, deadRuns: ReadonlySet<string>): Promise<void> {
    // The name of a pack or map begins with the run that makes it.
    const isDead = (key: string) => deadRuns.has(key.slice(key.lastIndexOf('/') + 1).slice(0, runDigits));
    try {
      for (const { key, uploadId, started } of await this.#bucket.uploads.unfinished(this.#prefix)) {
        if (started < before || isDead(key)) await this.#bucket.uploads.abort(key, uploadId);
      }
    } catch (error) {
      // They cost space until somebody who may, or a rule of the bucket, removes them.
      if (!isStrataError(error, 'STORAGE_FORBIDDEN')) throw error;
    }
  }

  async close(): Promise<void> {
    this.#fetching?.close();
    await this.#rangeCache?.settled();
    this.#cache.close();
    if (this.#fresh) await rm(this.#cache.pathOf(''), { recursive: true, force: true });
    this.#bucket.close();
  }

  #spoolPath(run: string): string {
    return join(this.#folder, 'spool', run);
  }

  #key(name: string): string {
    return `${this.#prefix}${name}`;
  }

  #object({ key, bytes, modified }: Entry): StoredObject {
    return { name: this.#nameOf(key), bytes, modified };
  }

  #nameOf(key: string): string {
    return key.slice(this.#prefix.length);
  }

  async #listAll(prefix: string): Promise<StoredObject[]> {
    const found: StoredObject[] = [];
    for await (const page of this.#bucket.list(this.#key(prefix)))
      found.push(...page.map((entry) => this.#object(entry)));
    return found;
  }

  /** What is said of an object names it as the repository does. */
  async #named<Result>(name: string, work: Promise<Result>): Promise<Result> {
    try {
      return await work;
    } catch (error) {
      if (isStrataError(error, 'OBJECT_MISSING')) throw fail('OBJECT_MISSING', { name }, { cause: error });
      if (isStrataError(error, 'OBJECT_EXISTS')) throw fail('OBJECT_EXISTS', { name }, { cause: error });
      throw error;
    }
  }
}
