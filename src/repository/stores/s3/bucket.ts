/**
 * A bucket as we use it: single requests, tried again where that is right, refusals in the words of the error table.
 *
 * Creation is conditional (`If-None-Match: *`). When an answer is lost the object may be ours all the same: then it is read back and
 * compared before anybody is told that it exists already (docs/design.md, Object storage).
 */
import { createHash } from 'node:crypto';
import {
  GetObjectCommand,
  type GetObjectCommandOutput,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { fail, isStrataError } from '../../../errors.ts';
import type { Traffic } from '../traffic.ts';
import { answerOf, isBroken, isMissing, isPassing, isTaken } from './failure.ts';
import { Line, long } from './line.ts';
import type { PacedHandler } from './pace.ts';
import { Removal } from './removal.ts';
import { Requests, type RequestsOptions, type SendOptions, type Signal } from './requests.ts';
import { type Lock, modeNames, Retentions } from './retentions.ts';
import { Uploads } from './uploads.ts';
import { Versions } from './versions.ts';
import type { Vigil } from './vigil.ts';

export interface Entry {
  readonly key: string;
  readonly bytes: number;
  readonly modified: Date;
  /** As the server writes it. */
  readonly etag: string;
}

interface BucketOptions extends RequestsOptions {
  /** Of a bucket that keeps versions: which is the object. The first, as in a repository, or, as for everybody else, the newest. */
  readonly version?: 'first' | 'newest';
}

/** An object that the server keeps until then. */
export interface LockedEntry {
  readonly key: string;
  readonly until: Date;
}

type Body = NonNullable<GetObjectCommandOutput['Body']>;

interface CreateOptions {
  /** `once`: it is not sent again when the connection breaks, and given up when it takes long, as the caller knows a better way. */
  readonly mode?: 'patient' | 'once';
  readonly lock?: Lock | undefined;
  readonly signal?: Signal;
}

const keysAtOnce = 1000;

/** A whole body. */
async function collect(body: Body, length: number | undefined): Promise<Buffer> {
  if (length === undefined) return Buffer.from(await body.transformToByteArray());
  const content = Buffer.allocUnsafe(length);
  let arrived = 0;
  for await (const piece of body as AsyncIterable<Buffer>) {
    piece.copy(content, arrived);
    arrived += piece.length;
  }
  if (arrived === length) return content;
  throw Object.assign(new Error(`${arrived} of ${length} bytes arrived`), { name: 'TruncatedBody' });
}

export class Bucket {
  readonly name: string;
  /** For messages. */
  readonly endpoint: string;
  readonly retentions: Retentions;
  readonly uploads: Uploads;
  readonly #requests: Requests;
  readonly #handler: PacedHandler;
  readonly #versions: Versions;
  readonly #removal: Removal;
  readonly #line = new Line();
  /** Whether the bucket keeps versions; null: no answer has told yet. */
  #versioned: boolean | null = null;
  readonly #takesNewest: boolean;
  /** The newest is the object, and others lie below it. */
  #leavesVersions = false;
  readonly #vigil: Vigil;

  constructor(options: BucketOptions) {
    this.#takesNewest = options.version === 'newest';
    if (this.#takesNewest) this.#versioned = false;
    this.#requests = new Requests(options);
    this.#handler = options.handler;
    this.#vigil = options.vigil;
    this.#versions = new Versions(this.#requests);
    this.#removal = new Removal(this.#requests);
    this.retentions = new Retentions(this.#requests);
    this.uploads = new Uploads(this.#requests, this.#line, {
      versionOf: async (key) => (this.#versioned ? this.#versions.idOf(key) : undefined),
      isObject: (key, version) => this.#isObject(key, version, async () => false),
      head: (key) => this.head(key),
      lock: (key, lock) => this.lock(key, lock),
    });
    this.name = options.name;
    this.endpoint = options.endpoint;
  }

  get #client() {
    return this.#requests.client;
  }

  /** Whether the bucket is known to keep versions, and the first is the object. */
  get isVersioned(): boolean {
    return this.#versioned === true;
  }

  /** By the server's clock, as far as it is known; milliseconds. */
  get now(): number {
    return Date.now() + (this.clockAhead ?? 0);
  }

  /** Milliseconds that the server's clock is ahead of ours; null until it has answered. */
  get clockAhead(): number | null {
    return this.#handler.clockAhead;
  }

  get traffic(): Traffic {
    const { counts, retries } = this.#requests;
    return {
      requests: counts,
      bytesUp: this.#line.bytesUp,
      bytesDown: this.#line.bytesDown,
      retries,
      fromCache: { requests: 0, bytes: 0 },
    };
  }

  /** Creates an object: OBJECT_EXISTS when there is one of that key. */
  async create(key: string, body: Uint8Array, { mode = 'patient', lock, signal }: CreateOptions = {}): Promise<void> {
    let uncertain = false;
    const put = new PutObjectCommand({
      Bucket: this.name,
      Key: key,
      Body: body,
      ContentLength: body.length,
      IfNoneMatch: '*',
      ...(lock ? lockOf(lock, body) : {}),
    });
    const send = async (options: SendOptions) => {
      try {
        const most = mode === 'once' ? long : null;
        return await this.#line.send(body.length, options, most, (limited) => this.#client.send(put, limited));
      } catch (error) {
        uncertain ||= isPassing(error);
        throw error;
      }
    };
    const mayPass = mode === 'once' ? (error: unknown) => isPassing(error) && !isBroken(error) : isPassing;
    const isSame = async () => uncertain && (await this.#holds(key, body));
    try {
      const permission = lock && 's3:PutObject and s3:PutObjectRetention';
      const { VersionId } = await this.#requests.send('PutObject', key, send, { mayPass, signal, permission });
      if (!(await this.#isObject(key, VersionId, isSame))) throw fail('OBJECT_EXISTS', { name: key });
    } catch (error) {
      if (isStrataError(error, 'OBJECT_EXISTS')) throw error;
      const lost = mode === 'once' && isBroken(answerOf(error));
      if (!lost && !isTaken(answerOf(error))) throw error;
      // An answer may have been lost: then what is there is what was sent.
      if (await isSame()) return;
      throw lost ? error : fail('OBJECT_EXISTS', { name: key }, { cause: error });
    }
  }

  /** OBJECT_EXISTS when there is an object of that key. */
  async requireFree(key: string): Promise<void> {
    if ((await this.head(key)) !== null) throw fail('OBJECT_EXISTS', { name: key });
  }

  /** The whole object, or a part of it, which is shorter when the object ends before; OBJECT_MISSING. */
  async get(
    key: string,
    range?: { readonly offset: number; readonly length: number },
    signal?: Signal,
  ): Promise<Buffer> {
    if (this.#versioned) return this.#receive(key, await this.#versions.idOf(key), range, signal);
    try {
      return await this.#receive(key, undefined, range, signal);
    } catch (error) {
      // A marker of deletion lies on what is there, maybe; but an answer that told of no versions was given before.
      if (this.#versioned === false || !isStrataError(error, 'OBJECT_MISSING')) throw error;
      if ((await this.#versions.look(key).catch(unlessRefused)) === null) throw error;
      this.#versioned = true;
      return this.get(key, range, signal);
    }
  }

  async #receive(
    key: string,
    version: string | undefined,
    range: { readonly offset: number; readonly length: number } | undefined,
    signal: Signal,
  ): Promise<Buffer> {
    const wanted = {
      Bucket: this.name,
      Key: key,
      ...(version === undefined ? {} : { VersionId: version }),
      ...(range ? { Range: `bytes=${range.offset}-${range.offset + range.length - 1}` } : {}),
    };
    const receive = async (options: SendOptions) => {
      const { Body, ContentLength, VersionId } = await this.#client.send(new GetObjectCommand(wanted), options);
      return { VersionId, content: Body === undefined ? Buffer.alloc(0) : await collect(Body, ContentLength) };
    };
    const permission = version === undefined ? undefined : 's3:GetObjectVersion';
    const inTurn = (options: SendOptions) => this.#line.receive(range?.length ?? 0, () => receive(options));
    const { VersionId, content } = await this.#requests.send('GetObject', key, inTurn, { signal, permission });
    // What was given is the newest version.
    if (this.#heard(VersionId) && version === undefined) return this.get(key, range, signal);
    return content;
  }

  /** Size and time of an object; null when there is none. */
  async head(key: string): Promise<Entry | null> {
    if (this.#versioned) return this.#versions.look(key);
    try {
      const found = await this.#requests.send('HeadObject', key, (options) =>
        this.#client.send(new HeadObjectCommand({ Bucket: this.name, Key: key }), options),
      );
      if (this.#heard(found.VersionId)) return this.#versions.look(key);
      return {
        key,
        bytes: found.ContentLength ?? 0,
        modified: found.LastModified ?? new Date(0),
        etag: found.ETag ?? '',
      };
    } catch (error) {
      if (isMissing(answerOf(error))) return null;
      throw error;
    }
  }

  /** All objects whose keys begin with `prefix`, in the order of keys, a page at a time. */
  async *list(prefix: string): AsyncIterable<readonly Entry[]> {
    if (this.#versioned) return yield* this.#versions.list(prefix);
    for (let token: string | undefined; ; ) {
      const page = await this.#requests.send('ListObjectsV2', prefix, (options) =>
        this.#client.send(
          new ListObjectsV2Command({
            Bucket: this.name,
            Prefix: prefix,
            MaxKeys: keysAtOnce,
            ContinuationToken: token,
          }),
          options,
        ),
      );
      yield (page.Contents ?? []).map(({ Key = '', Size = 0, LastModified = new Date(0), ETag = '' }) => ({
        key: Key,
        bytes: Size,
        modified: LastModified,
        etag: ETag,
      }));
      if (!page.IsTruncated || page.NextContinuationToken === undefined) return;
      token = page.NextContinuationToken;
    }
  }

  /** Removes objects; one that is not there is as good as removed. Gives those that are locked, which stay. */
  async remove(keys: readonly string[]): Promise<readonly LockedEntry[]> {
    if (!this.#versioned && !this.#leavesVersions) {
      await this.#removal.remove(keys);
      return [];
    }
    const locked: LockedEntry[] = [];
    for (const [key, version] of await this.#versions.remove(keys)) {
      const retention = await this.retentions.of(key, version).catch(unlessRefused);
      if (retention !== null && retention.getTime() > this.now) {
        locked.push({ key, until: retention });
        continue;
      }
      // It may have become removable meanwhile; else this says why it cannot be removed.
      await this.#versions.removeVersion(key, version);
      locked.push(...(await this.remove([key])));
    }
    return locked;
  }

  /** Until when the object of a key is locked; null: it is not, or there is none. */
  async lockedUntil(key: string): Promise<Date | null> {
    try {
      return await this.retentions.of(key, await this.#versions.idOf(key));
    } catch (error) {
      if (isStrataError(error, 'OBJECT_MISSING')) return null;
      throw error;
    }
  }

  /** Locks the object of a key. */
  async lock(key: string, { mode, until }: Lock): Promise<void> {
    await this.retentions.set(key, await this.#versions.idOf(key), mode, until);
  }

  close(): void {
    this.#vigil.close();
    this.#client.destroy();
  }

  async #holds(key: string, body: Uint8Array): Promise<boolean> {
    return (await this.head(key))?.bytes === body.length && (await this.get(key)).equals(body);
  }

  /** Whether what was just stored is the object of its key. */
  async #isObject(key: string, version: string | undefined, isSame: () => Promise<boolean>): Promise<boolean> {
    if (!this.#heard(version) && !this.#versioned) return true;
    // Without versions of their own objects are written over.
    const isOwn = version !== undefined && version !== 'null';
    if (!isOwn) throw fail('VERSIONS_SUSPENDED', { bucket: this.name });
    return this.#versions.won(key, version, isSame);
  }

  /** What an answer tells of versions; whether there are any. */
  #heard(version: string | undefined): boolean {
    if (this.#takesNewest) {
      this.#leavesVersions ||= version !== undefined;
      return false;
    }
    if (version !== undefined) this.#versioned = true;
    else this.#versioned ??= false;
    return version !== undefined;
  }
}

/** A request that locks has to carry a sum of its content. */
function lockOf({ mode, until }: Lock, body: Uint8Array) {
  return {
    ContentMD5: createHash('md5').update(body).digest('base64'),
    ObjectLockMode: modeNames[mode],
    ObjectLockRetainUntilDate: until,
  };
}

function unlessRefused(error: unknown): null {
  if (isStrataError(error, 'STORAGE_FORBIDDEN', 'STORAGE_FAILED')) return null;
  throw error;
}
