/** Objects that are sent, or put together by the server, in parts. */
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import { fail, isStrataError } from '../../../errors.ts';
import { answerOf, nameOf } from './failure.ts';
import type { Line } from './line.ts';
import type { Requests, SendOptions, Signal } from './requests.ts';
import type { Lock } from './retentions.ts';

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

/** What has to be known of the bucket's objects. */
export interface Objects {
  /** The version that is the object; undefined where no versions are kept. */
  versionOf(key: string): Promise<string | undefined>;
  /** Whether the version that was just made is the object of its key. */
  isObject(key: string, version: string | undefined): Promise<boolean>;
  head(key: string): Promise<{ readonly bytes: number } | null>;
  lock(key: string, lock: Lock): Promise<void>;
}

export class Uploads {
  readonly #requests: Requests;
  readonly #line: Line;
  readonly #objects: Objects;

  constructor(requests: Requests, line: Line, objects: Objects) {
    this.#requests = requests;
    this.#line = line;
    this.#objects = objects;
  }

  get #client() {
    return this.#requests.client;
  }

  /** Begins an object; its key must be the caller's own. */
  async start(key: string): Promise<string> {
    let tries = 0;
    const { UploadId = '' } = await this.#requests.send('CreateMultipartUpload', key, (options) => {
      tries += 1;
      return this.#client.send(new CreateMultipartUploadCommand({ Bucket: this.#requests.name, Key: key }), options);
    });
    // An answer that was lost has left an upload that nobody knows of.
    if (tries > 1) await this.#abortOthers(key, UploadId);
    return UploadId;
  }

  async send(key: string, uploadId: string, number: number, body: Uint8Array, signal?: Signal): Promise<Part> {
    const command = new UploadPartCommand({
      Bucket: this.#requests.name,
      Key: key,
      UploadId: uploadId,
      PartNumber: number,
      Body: body,
      ContentLength: body.length,
    });
    const send = (options: SendOptions) =>
      this.#line.send(body.length, options, null, (limited) => this.#client.send(command, limited));
    const { ETag = '' } = await this.#requests.send('UploadPart', key, send, { signal });
    return { number, etag: ETag };
  }

  /** Has the server make a part of a range of another object, which must be whole within it; `etag`: of that object. */
  async copy(
    key: string,
    uploadId: string,
    number: number,
    from: { readonly key: string; readonly offset: number; readonly length: number; readonly etag: string },
    signal?: Signal,
  ): Promise<Part> {
    const { name } = this.#requests;
    const version = await this.#objects.versionOf(from.key);
    const source = `${name}/${from.key.split('/').map(encodeURIComponent).join('/')}`;
    const send = (options: SendOptions) =>
      this.#client.send(
        new UploadPartCopyCommand({
          Bucket: name,
          Key: key,
          UploadId: uploadId,
          PartNumber: number,
          CopySource: version === undefined ? source : `${source}?versionId=${encodeURIComponent(version)}`,
          CopySourceRange: `bytes=${from.offset}-${from.offset + from.length - 1}`,
          CopySourceIfMatch: from.etag,
        }),
        options,
      );
    const { CopyPartResult } = await this.#requests.send('UploadPartCopy', key, send, { signal });
    return { number, etag: CopyPartResult?.ETag ?? '' };
  }

  /** The parts that have arrived. */
  async arrived(key: string, uploadId: string): Promise<ArrivedPart[]> {
    const found: ArrivedPart[] = [];
    const upload = { Bucket: this.#requests.name, Key: key, UploadId: uploadId };
    for (let marker: { PartNumberMarker?: string } = {}; ; ) {
      const page = await this.#requests.send('ListParts', key, (options) =>
        this.#client.send(new ListPartsCommand({ ...upload, ...marker }), options),
      );
      for (const { PartNumber = 0, ETag = '', Size = 0 } of page.Parts ?? [])
        found.push({ number: PartNumber, etag: ETag, bytes: Size });
      if (!page.IsTruncated || page.NextPartNumberMarker === undefined) return found;
      marker = { PartNumberMarker: page.NextPartNumberMarker };
    }
  }

  /**
   * Makes the object of its parts. Whether the key was free is not sure to be looked at: the caller's key must be its own. A bucket that
   * keeps versions looks: OBJECT_EXISTS.
   */
  async finish(key: string, uploadId: string, parts: readonly Part[], bytes: number, lock?: Lock): Promise<void> {
    const command = new CompleteMultipartUploadCommand({
      Bucket: this.#requests.name,
      Key: key,
      UploadId: uploadId,
      MultipartUpload: { Parts: parts.map(({ number, etag }) => ({ PartNumber: number, ETag: etag })) },
    });
    try {
      const { VersionId } = await this.#requests.send('CompleteMultipartUpload', key, (options) =>
        this.#client.send(command, options),
      );
      if (!(await this.#objects.isObject(key, VersionId))) throw fail('OBJECT_EXISTS', { name: key });
    } catch (error) {
      if (isStrataError(error, 'OBJECT_EXISTS')) throw error;
      // The first answer may have been lost: then the upload is gone and the object there.
      if (nameOf(answerOf(error)) !== 'NoSuchUpload' || (await this.#objects.head(key))?.bytes !== bytes) throw error;
    }
    // What is asked for when an upload begins, some servers lose.
    if (lock) await this.#objects.lock(key, lock);
  }

  async abort(key: string, uploadId: string): Promise<void> {
    const command = new AbortMultipartUploadCommand({ Bucket: this.#requests.name, Key: key, UploadId: uploadId });
    try {
      await this.#requests.send('AbortMultipartUpload', key, (options) => this.#client.send(command, options));
    } catch (error) {
      if (nameOf(answerOf(error)) !== 'NoSuchUpload') throw error;
    }
  }

  /** Those that were begun and neither finished nor aborted. */
  async unfinished(prefix: string): Promise<Unfinished[]> {
    const found: Unfinished[] = [];
    const wanted = { Bucket: this.#requests.name, Prefix: prefix };
    for (let marker: { KeyMarker?: string; UploadIdMarker?: string } = {}; ; ) {
      const page = await this.#requests.send('ListMultipartUploads', prefix, (options) =>
        this.#client.send(new ListMultipartUploadsCommand({ ...wanted, ...marker }), options),
      );
      for (const { Key = '', UploadId = '', Initiated = new Date(0) } of page.Uploads ?? []) {
        found.push({ key: Key, uploadId: UploadId, started: Initiated });
      }
      if (!page.IsTruncated) return found;
      marker = { KeyMarker: page.NextKeyMarker ?? '', UploadIdMarker: page.NextUploadIdMarker ?? '' };
    }
  }

  async #abortOthers(key: string, mine: string): Promise<void> {
    try {
      for (const { key: other, uploadId } of await this.unfinished(key)) {
        if (other === key && uploadId !== mine) await this.abort(key, uploadId);
      }
    } catch (error) {
      // It costs space until somebody who may, or a rule of the bucket, removes it.
      if (!isStrataError(error, 'STORAGE_FORBIDDEN')) throw error;
    }
  }
}
