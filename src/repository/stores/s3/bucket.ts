/**
 * A bucket as we use it: single requests, tried again where that is right, refusals in the words of the error table.
 *
 * Creation is conditional (`If-None-Match: *`). When an answer is lost the object may be ours all the same: then it is read back and
 * compared before anybody is told that it exists already (docs/design.md, Object storage).
 */
import { createHash } from 'node:crypto';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  type GetObjectCommandOutput,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  PutObjectCommand,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import { fail, isStrataError } from '../../../errors.ts';
import type { LockMode } from '../lock.ts';
import type { Traffic } from '../traffic.ts';
import { Turns } from '../turns.ts';
import { answerOf, isBroken, isMissing, isPassing, isTaken, nameOf, statusOf } from './failure.ts';
import type { PacedHandler } from './pace.ts';
import { Requests, type RequestsOptions, type SendOptions, type Signal } from './requests.ts';
import { modeNames, Retentions } from './retentions.ts';
import { Versions } from './versions.ts';
import type { Vigil } from './vigil.ts';

export interface Entry {
  readonly key: string;
  readonly bytes: number;
  readonly modified: Date;
  /** As the server writes it. */
  readonly etag: string;
}

export interface Part {
  readonly number: number;
  readonly etag: string;
}

export interface ArrivedPart extends Part {
  readonly bytes: number;
}

export interface Unfinished {
  readonly key: string;
  readonly uploadId: string;
  readonly started: Date;
}

/** What a new object is locked by. */
export interface Lock {
  readonly mode: LockMode;
  readonly until: Date;
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

/** Of those that carry contents. On a line that is slow one after the other arrives sooner, and less is lost when it breaks. */
const sendingAtOnce = { most: 16, first: 1 };
const receivingAtOnce = { most: 32, first: 4 };
/** Bytes from which on a body is such a content. */
const largeBody = 1024 ** 2;
/** Milliseconds that one may take: longer, and there are fewer at once, and packs are sent in parts. */
export const long = 20_000;
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

/** As of a connection that broke: there is a better way. */
function tooLong(): Error {
  return Object.assign(new Error('the line is slow'), { name: 'TimeoutError' });
}

export class Bucket {
  readonly name: string;
  /** For messages. */
  readonly endpoint: string;
  readonly retentions: Retentions;
  readonly #requests: Requests;
  readonly #handler: PacedHandler;
  readonly #versions: Versions;
  /** Whether the bucket keeps versions; null: no answer has told yet. */
  #versioned: boolean | null = null;
  readonly #takesNewest: boolean;
  /** The newest is the object, and others lie below it. */
  #leavesVersions = false;
  readonly #vigil: Vigil;
  readonly #sending = new Turns(sendingAtOnce.most, { first: sendingAtOnce.first, slow: long });
  readonly #receiving = new Turns(receivingAtOnce.most, { first: receivingAtOnce.first, slow: long });
  /** Bytes a second of the last large body that was sent; null: none was. */
  #sendRate: number | null = null;
  #bytesUp = 0;
  #bytesDown = 0;
  /** Some servers cannot remove many at once. */
  #removesMany = true;

  constructor(options: BucketOptions) {
    this.#takesNewest = options.version === 'newest';
    if (this.#takesNewest) this.#versioned = false;
    this.#requests = new Requests(options);
    this.#handler = options.handler;
    this.#vigil = options.vigil;
    this.#versions = new Versions(this.#requests);
    this.retentions = new Retentions(this.#requests);
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
      bytesUp: this.#bytesUp,
      bytesDown: this.#bytesDown,
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
        return await this.#sendBody(body.length, options, most, (limited) => this.#client.send(put, limited));
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
      this.#bytesUp += body.length;
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
    const inTurn = (options: SendOptions) => this.#receiving.take(() => receive(options));
    const large = (range?.length ?? 0) >= largeBody;
    const how = { signal, permission };
    const { VersionId, content } = await this.#requests.send('GetObject', key, large ? inTurn : receive, how);
    this.#bytesDown += content.length;
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
      await this.#removePlainly(keys);
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

  async #removePlainly(keys: readonly string[]): Promise<void> {
    if (keys.length === 1 || !this.#removesMany) {
      await Promise.all(keys.map((key) => this.#removeOne(key)));
      return;
    }
    for (let at = 0; at < keys.length; at += keysAtOnce) await this.#removeMany(keys.slice(at, at + keysAtOnce));
  }

  /** Begins an object in parts; its key must be the caller's own. */
  async startUpload(key: string): Promise<string> {
    let tries = 0;
    const { UploadId = '' } = await this.#requests.send('CreateMultipartUpload', key, (options) => {
      tries += 1;
      return this.#client.send(new CreateMultipartUploadCommand({ Bucket: this.name, Key: key }), options);
    });
    // An answer that was lost has left an upload that nobody knows of.
    if (tries > 1) await this.#abortOthers(key, UploadId);
    return UploadId;
  }

  async uploadPart(key: string, uploadId: string, number: number, body: Uint8Array, signal?: Signal): Promise<Part> {
    const command = new UploadPartCommand({
      Bucket: this.name,
      Key: key,
      UploadId: uploadId,
      PartNumber: number,
      Body: body,
      ContentLength: body.length,
    });
    const send = (options: SendOptions) =>
      this.#sendBody(body.length, options, null, (limited) => this.#client.send(command, limited));
    const { ETag = '' } = await this.#requests.send('UploadPart', key, send, { signal });
    this.#bytesUp += body.length;
    return { number, etag: ETag };
  }

  /** The parts of an upload that have arrived. */
  async arrivedParts(key: string, uploadId: string): Promise<ArrivedPart[]> {
    const found: ArrivedPart[] = [];
    for (let marker: { PartNumberMarker?: string } = {}; ; ) {
      const page = await this.#requests.send('ListParts', key, (options) =>
        this.#client.send(
          new ListPartsCommand({ Bucket: this.name, Key: key, UploadId: uploadId, ...marker }),
          options,
        ),
      );
      for (const { PartNumber = 0, ETag = '', Size = 0 } of page.Parts ?? [])
        found.push({ number: PartNumber, etag: ETag, bytes: Size });
      if (!page.IsTruncated || page.NextPartNumberMarker === undefined) return found;
      marker = { PartNumberMarker: page.NextPartNumberMarker };
    }
  }

  /** Has the server make a part of a range of another object, which must be whole within it; `etag`: of that object. */
  async copyPart(
    key: string,
    uploadId: string,
    number: number,
    from: { readonly key: string; readonly offset: number; readonly length: number; readonly etag: string },
    signal?: Signal,
  ): Promise<Part> {
    const version = this.#versioned ? `?versionId=${encodeURIComponent(await this.#versions.idOf(from.key))}` : '';
    const send = (options: SendOptions) =>
      this.#client.send(
        new UploadPartCopyCommand({
          Bucket: this.name,
          Key: key,
          UploadId: uploadId,
          PartNumber: number,
          CopySource: `${this.name}/${from.key.split('/').map(encodeURIComponent).join('/')}${version}`,
          CopySourceRange: `bytes=${from.offset}-${from.offset + from.length - 1}`,
          CopySourceIfMatch: from.etag,
        }),
        options,
      );
    const { CopyPartResult } = await this.#requests.send('UploadPartCopy', key, send, { signal });
    return { number, etag: CopyPartResult?.ETag ?? '' };
  }

  /**
   * Makes the object of its parts. Whether the key was free is not sure to be looked at: the caller's key must be its own. A bucket that
   * keeps versions looks: OBJECT_EXISTS.
   */
  async finishUpload(key: string, uploadId: string, parts: readonly Part[], bytes: number, lock?: Lock): Promise<void> {
    const MultipartUpload = { Parts: parts.map(({ number, etag }) => ({ PartNumber: number, ETag: etag })) };
    try {
      const { VersionId } = await this.#requests.send('CompleteMultipartUpload', key, (options) =>
        this.#client.send(
          new CompleteMultipartUploadCommand({ Bucket: this.name, Key: key, UploadId: uploadId, MultipartUpload }),
          options,
        ),
      );
      if (!(await this.#isObject(key, VersionId, async () => false))) throw fail('OBJECT_EXISTS', { name: key });
    } catch (error) {
      if (isStrataError(error, 'OBJECT_EXISTS')) throw error;
      // The first answer may have been lost: then the upload is gone and the object there.
      if (nameOf(answerOf(error)) !== 'NoSuchUpload' || (await this.head(key))?.bytes !== bytes) throw error;
    }
    // What is asked for when an upload begins, some servers lose.
    if (lock) await this.lock(key, lock);
  }

  async abortUpload(key: string, uploadId: string): Promise<void> {
    try {
      await this.#requests.send('AbortMultipartUpload', key, (options) =>
        this.#client.send(
          new AbortMultipartUploadCommand({ Bucket: this.name, Key: key, UploadId: uploadId }),
          options,
        ),
      );
    } catch (error) {
      if (nameOf(answerOf(error)) !== 'NoSuchUpload') throw error;
    }
  }

  /** Uploads that were begun and neither finished nor aborted. */
  async unfinishedUploads(prefix: string): Promise<Unfinished[]> {
    const found: Unfinished[] = [];
    for (let marker: { KeyMarker?: string; UploadIdMarker?: string } = {}; ; ) {
      const page = await this.#requests.send('ListMultipartUploads', prefix, (options) =>
        this.#client.send(new ListMultipartUploadsCommand({ Bucket: this.name, Prefix: prefix, ...marker }), options),
      );
      for (const { Key = '', UploadId = '', Initiated = new Date(0) } of page.Uploads ?? []) {
        found.push({ key: Key, uploadId: UploadId, started: Initiated });
      }
      if (!page.IsTruncated) return found;
      marker = { KeyMarker: page.NextKeyMarker ?? '', UploadIdMarker: page.NextUploadIdMarker ?? '' };
    }
  }

  close(): void {
    this.#vigil.close();
    this.#client.destroy();
  }

  async #removeOne(key: string): Promise<void> {
    await this.#requests.send('DeleteObject', key, (options) =>
      this.#client.send(new DeleteObjectCommand({ Bucket: this.name, Key: key }), options),
    );
  }

  async #removeMany(keys: readonly string[]): Promise<void> {
    const Delete = { Objects: keys.map((Key) => ({ Key })), Quiet: true };
    try {
      const { Errors = [] } = await this.#requests.send('DeleteObjects', '', (options) =>
        this.#client.send(new DeleteObjectsCommand({ Bucket: this.name, Delete }), options),
      );
      // Each alone is tried again, and says why it cannot be removed.
      await Promise.all(Errors.map(({ Key = '' }) => this.#removeOne(Key)));
    } catch (error) {
      const status = statusOf(answerOf(error));
      if (status !== 400 && status !== 501) throw error;
      this.#removesMany = false;
      await this.#removePlainly(keys);
    }
  }

  async #abortOthers(key: string, mine: string): Promise<void> {
    try {
      for (const { key: other, uploadId } of await this.unfinishedUploads(key)) {
        if (other === key && uploadId !== mine) await this.abortUpload(key, uploadId);
      }
    } catch (error) {
      // It costs space until somebody who may, or a rule of the bucket, removes it.
      if (!isStrataError(error, 'STORAGE_FORBIDDEN')) throw error;
    }
  }

  /** Sends contents in their turn, for at most so many milliseconds, and heeds how fast the line is. */
  async #sendBody<Answer>(
    bytes: number,
    options: SendOptions,
    most: number | null,
    send: (options: SendOptions) => Promise<Answer>,
  ): Promise<Answer> {
    if (bytes < largeBody) return send(options);
    return this.#sending.take(async () => {
      const slow = this.#sendRate !== null && bytes / this.#sendRate >= long / 1000;
      if (slow && most !== null) throw tooLong();
      const started = performance.now();
      const late = most === null ? null : AbortSignal.timeout(most);
      const signals = [late, options.abortSignal].filter((signal) => signal !== null && signal !== undefined);
      try {
        const answer = await send(signals.length > 0 ? { abortSignal: AbortSignal.any(signals) } : {});
        this.#sendRate = (bytes * 1000) / (performance.now() - started);
        return answer;
      } catch (error) {
        if (!late?.aborted || options.abortSignal?.aborted) throw error;
        this.#sendRate = (bytes * 1000) / long;
        this.#sending.fewer();
        throw tooLong();
      }
    });
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
