/**
 * A bucket as we use it: single requests, tried again where that is right, refusals in the words of the error table.
 *
 * Creation is conditional (`If-None-Match: *`). When an answer is lost the object may be ours all the same: then it is read back and
 * compared before anybody is told that it exists already (docs/design.md, Object storage).
 */
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import { fail, isStrataError } from '../../../errors.ts';
import type { Traffic } from '../traffic.ts';
import { Turns } from '../turns.ts';
import type { Connection } from './connect.ts';
import {
  answerOf,
  describeRefusal,
  isBroken,
  isMissing,
  isOverload,
  isPassing,
  isTaken,
  nameOf,
  statusOf,
} from './failure.ts';
import type { PacedHandler } from './pace.ts';
import { Patience } from './patience.ts';

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

export interface Unfinished {
  readonly key: string;
  readonly uploadId: string;
  readonly started: Date;
}

interface BucketOptions extends Connection {
  readonly name: string;
  /** For messages. */
  readonly endpoint: string;
  readonly patience?: Patience;
}

/** What ends a request that is under way; not one that ends a run, such as the release of a lease. */
type Signal = AbortSignal | undefined;

interface SendOptions {
  readonly abortSignal?: AbortSignal;
}

const requestsAtOnce = 32;
const keysAtOnce = 1000;

export class Bucket {
  readonly name: string;
  /** For messages. */
  readonly endpoint: string;
  readonly #client: S3Client;
  readonly #handler: PacedHandler;
  readonly #patience: Patience;
  readonly #turns = new Turns(requestsAtOnce);
  readonly #requests = new Map<string, number>();
  #bytesUp = 0;
  #bytesDown = 0;
  /** Some servers cannot remove many at once. */
  #removesMany = true;

  constructor({ client, handler, name, endpoint, patience = new Patience() }: BucketOptions) {
    this.#client = client;
    this.#handler = handler;
    this.name = name;
    this.endpoint = endpoint;
    this.#patience = patience;
  }

  /** Milliseconds that the server's clock is ahead of ours; null until it has answered. */
  get clockAhead(): number | null {
    return this.#handler.clockAhead;
  }

  get traffic(): Traffic {
    const { retries } = this.#patience;
    return {
      requests: Object.fromEntries(this.#requests),
      bytesUp: this.#bytesUp,
      bytesDown: this.#bytesDown,
      retries,
    };
  }

  /**
   * Creates an object: OBJECT_EXISTS when there is one of that key. `once`: it is not sent again when the connection breaks,
   * as the caller knows a better way.
   */
  async create(
    key: string,
    body: Uint8Array,
    { mode = 'patient', signal }: { readonly mode?: 'patient' | 'once'; readonly signal?: Signal } = {},
  ): Promise<void> {
    let uncertain = false;
    const send = async (options: SendOptions) => {
      try {
        await this.#client.send(
          new PutObjectCommand({
            Bucket: this.name,
            Key: key,
            Body: body,
            ContentLength: body.length,
            IfNoneMatch: '*',
          }),
          options,
        );
      } catch (error) {
        uncertain ||= isPassing(error);
        throw error;
      }
    };
    const mayPass = mode === 'once' ? (error: unknown) => isPassing(error) && !isBroken(error) : isPassing;
    try {
      await this.#request('PutObject', key, send, { mayPass, signal });
      this.#bytesUp += body.length;
    } catch (error) {
      const lost = mode === 'once' && isBroken(answerOf(error));
      if (!lost && !isTaken(answerOf(error))) throw error;
      // An answer may have been lost: then what is there is what was sent.
      if (uncertain && (await this.#holds(key, body))) return;
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
    const Range = range && `bytes=${range.offset}-${range.offset + range.length - 1}`;
    const receive = async (options: SendOptions) => {
      const { Body, ContentLength } = await this.#client.send(
        new GetObjectCommand({ Bucket: this.name, Key: key, ...(Range ? { Range } : {}) }),
        options,
      );
      const bytes = Body === undefined ? new Uint8Array() : await Body.transformToByteArray();
      if (ContentLength !== undefined && bytes.length !== ContentLength) {
        throw Object.assign(new Error(`${bytes.length} of ${ContentLength} bytes arrived`), { name: 'TruncatedBody' });
      }
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    };
    const content = await this.#request('GetObject', key, receive, { signal });
    this.#bytesDown += content.length;
    return content;
  }

  /** Size and time of an object; null when there is none. */
  async head(key: string): Promise<Entry | null> {
    try {
      const found = await this.#request('HeadObject', key, (options) =>
        this.#client.send(new HeadObjectCommand({ Bucket: this.name, Key: key }), options),
      );
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
    for (let token: string | undefined; ; ) {
      const page = await this.#request('ListObjectsV2', prefix, (options) =>
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

  /** Removes objects; one that is not there is as good as removed. */
  async remove(keys: readonly string[]): Promise<void> {
    if (keys.length === 1 || !this.#removesMany) {
      await Promise.all(keys.map((key) => this.#removeOne(key)));
      return;
    }
    for (let at = 0; at < keys.length; at += keysAtOnce) await this.#removeMany(keys.slice(at, at + keysAtOnce));
  }

  /** Begins an object in parts; its key must be the caller's own. */
  async startUpload(key: string): Promise<string> {
    let tries = 0;
    const { UploadId = '' } = await this.#request('CreateMultipartUpload', key, (options) => {
      tries += 1;
      return this.#client.send(new CreateMultipartUploadCommand({ Bucket: this.name, Key: key }), options);
    });
    // An answer that was lost has left an upload that nobody knows of.
    if (tries > 1) await this.#abortOthers(key, UploadId);
    return UploadId;
  }

  async uploadPart(key: string, uploadId: string, number: number, body: Uint8Array, signal?: Signal): Promise<Part> {
    const send = (options: SendOptions) =>
      this.#client.send(
        new UploadPartCommand({
          Bucket: this.name,
          Key: key,
          UploadId: uploadId,
          PartNumber: number,
          Body: body,
          ContentLength: body.length,
        }),
        options,
      );
    const { ETag = '' } = await this.#request('UploadPart', key, send, { signal });
    this.#bytesUp += body.length;
    return { number, etag: ETag };
  }

  /** Has the server make a part of a range of another object, which must be whole within it; `etag`: of that object. */
  async copyPart(
    key: string,
    uploadId: string,
    number: number,
    from: { readonly key: string; readonly offset: number; readonly length: number; readonly etag: string },
    signal?: Signal,
  ): Promise<Part> {
    const send = (options: SendOptions) =>
      this.#client.send(
        new UploadPartCopyCommand({
          Bucket: this.name,
          Key: key,
          UploadId: uploadId,
          PartNumber: number,
          CopySource: `${this.name}/${from.key.split('/').map(encodeURIComponent).join('/')}`,
          CopySourceRange: `bytes=${from.offset}-${from.offset + from.length - 1}`,
          CopySourceIfMatch: from.etag,
        }),
        options,
      );
    const { CopyPartResult } = await this.#request('UploadPartCopy', key, send, { signal });
    return { number, etag: CopyPartResult?.ETag ?? '' };
  }

  /** Makes the object of its parts. Whether the key was free is not sure to be looked at: the caller's key must be its own. */
  async finishUpload(key: string, uploadId: string, parts: readonly Part[], bytes: number): Promise<void> {
    const MultipartUpload = { Parts: parts.map(({ number, etag }) => ({ PartNumber: number, ETag: etag })) };
    try {
      await this.#request('CompleteMultipartUpload', key, (options) =>
        this.#client.send(
          new CompleteMultipartUploadCommand({ Bucket: this.name, Key: key, UploadId: uploadId, MultipartUpload }),
          options,
        ),
      );
    } catch (error) {
      // The first answer may have been lost: then the upload is gone and the object there.
      if (nameOf(answerOf(error)) !== 'NoSuchUpload' || (await this.head(key))?.bytes !== bytes) throw error;
    }
  }

  async abortUpload(key: string, uploadId: string): Promise<void> {
    try {
      await this.#request('AbortMultipartUpload', key, (options) =>
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
      const page = await this.#request('ListMultipartUploads', prefix, (options) =>
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
    this.#client.destroy();
  }

  async #removeOne(key: string): Promise<void> {
    await this.#request('DeleteObject', key, (options) =>
      this.#client.send(new DeleteObjectCommand({ Bucket: this.name, Key: key }), options),
    );
  }

  async #removeMany(keys: readonly string[]): Promise<void> {
    const Delete = { Objects: keys.map((Key) => ({ Key })), Quiet: true };
    try {
      const { Errors = [] } = await this.#request('DeleteObjects', '', (options) =>
        this.#client.send(new DeleteObjectsCommand({ Bucket: this.name, Delete }), options),
      );
      // Each alone is tried again, and says why it cannot be removed.
      await Promise.all(Errors.map(({ Key = '' }) => this.#removeOne(Key)));
    } catch (error) {
      const status = statusOf(answerOf(error));
      if (status !== 400 && status !== 501) throw error;
      this.#removesMany = false;
      await this.remove(keys);
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

  async #holds(key: string, body: Uint8Array): Promise<boolean> {
    return (await this.head(key))?.bytes === body.length && (await this.get(key)).equals(body);
  }

  /** One request, in its turn, tried again while that may help. What it throws in the end has the server's answer as its cause. */
  async #request<Answer>(
    verb: string,
    key: string,
    send: (options: SendOptions) => Promise<Answer>,
    { mayPass = isPassing, signal }: { readonly mayPass?: (error: unknown) => boolean; readonly signal?: Signal } = {},
  ): Promise<Answer> {
    try {
      return await this.#patience.keep(
        () =>
          this.#turns.take(async () => {
            this.#requests.set(verb, (this.#requests.get(verb) ?? 0) + 1);
            try {
              return await send(signal ? { abortSignal: signal } : {});
            } catch (error) {
              if (isOverload(error)) this.#turns.fewer();
              throw error;
            }
          }),
        mayPass,
        signal,
      );
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      throw describeRefusal(error, { verb, bucket: this.name, key, endpoint: this.endpoint });
    }
  }
}
