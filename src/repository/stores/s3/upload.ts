/**
 * A file becomes an object: in one conditional request when the network bears that, which is cheapest. When the connection breaks on
 * the way, or the line is so slow that it would take long, in parts: so what arrived of it has not to be sent again.
 */
import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { concurrently } from '../../concurrently.ts';
import { SpareBuffers } from '../spare-buffers.ts';
import type { Bucket } from './bucket.ts';
import { answerOf, isBroken } from './failure.ts';
import { inParts } from './in-parts.ts';
import type { Lock } from './retentions.ts';
import type { ArrivedPart, Part, Unfinished } from './uploads.ts';

/** What a server takes for a part that is not the last. */
export const smallestPart = 5 * 1024 ** 2;
const partsAtOnce = 4;
/** Above this a file is sent in parts from the beginning. */
const largestSingle = 64 * 1024 ** 2;
const mostParts = 10_000;
const bodies = new SpareBuffers(partsAtOnce);

interface HowToUpload {
  readonly lock?: Lock | undefined;
  readonly signal: AbortSignal | undefined;
}

/** Creates the object of a key that nobody else can have chosen: OBJECT_EXISTS when it is there all the same. */
export async function uploadFile(
  bucket: Bucket,
  key: string,
  path: string,
  { lock, signal }: HowToUpload,
): Promise<void> {
  const file = await open(path, 'r');
  try {
    const { size, read } = await contentOf(file, path);
    if (size <= largestSingle) {
      try {
        const body = await read(0, size);
        await bucket.create(key, body, { mode: size < smallestPart ? 'patient' : 'once', lock, signal });
        return bodies.give(body);
      } catch (error) {
        if (size < smallestPart || !isBroken(answerOf(error))) throw error;
      }
    }
    await bucket.requireFree(key);
    await uploadParts({ bucket, key, arrived: [], size, read, lock, signal });
  } finally {
    await file.close();
  }
}

/** Goes on with an upload that somebody began with the same file: parts that arrived are not sent again. */
export async function resumeUpload(
  bucket: Bucket,
  { key, uploadId }: Unfinished,
  path: string,
  how: HowToUpload,
): Promise<void> {
  const file = await open(path, 'r');
  try {
    const arrived = await bucket.uploads.arrived(key, uploadId);
    await uploadParts({ bucket, key, begun: uploadId, arrived, ...(await contentOf(file, path)), ...how });
  } finally {
    await file.close();
  }
}

interface Content {
  readonly size: number;
  readonly read: (offset: number, length: number) => Promise<Buffer>;
}

async function contentOf(file: FileHandle, path: string): Promise<Content> {
  const { size } = await file.stat();
  const read = async (offset: number, length: number) => {
    const buffer = bodies.take(length);
    const { bytesRead } = await file.read(buffer, 0, length, offset);
    if (bytesRead !== length) throw new Error(`${path} became shorter while it was sent`);
    return buffer;
  };
  return { size, read };
}

interface Parts extends Content, HowToUpload {
  readonly bucket: Bucket;
  readonly key: string;
  /** Of an upload that somebody began. */
  readonly begun?: string;
  readonly arrived: readonly ArrivedPart[];
}

async function uploadParts({ bucket, key, begun, arrived, size, read, lock, signal }: Parts): Promise<void> {
  const partSize = Math.max(smallestPart, Math.ceil(size / mostParts));
  const numbers = Array.from({ length: Math.ceil(size / partSize) }, (_, index) => index + 1);
  const send = async (uploadId: string, number: number): Promise<Part> => {
    const offset = (number - 1) * partSize;
    const body = await read(offset, Math.min(partSize, size - offset));
    const there = arrived.find((part) => part.number === number);
    const isThere = there !== undefined && isOf(there, body);
    const part = isThere ? there : await bucket.uploads.send(key, uploadId, number, body, signal);
    bodies.give(body);
    return part;
  };
  const sendAll = (uploadId: string) => concurrently(numbers, partsAtOnce, (number) => send(uploadId, number));
  await inParts(bucket, key, size, sendAll, { begun, lock });
}

/** Whether a part is of these bytes. Where servers do not name it by its MD5 it is sent again. */
function isOf({ bytes, etag }: ArrivedPart, body: Buffer): boolean {
  return bytes === body.length && etag.replaceAll('"', '') === createHash('md5').update(body).digest('hex');
}
