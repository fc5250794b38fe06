/** An image becomes an object: what it holds is sent, its zeros the server copies from an object of zeros, which is removed afterwards. */
import { randomBytes } from 'node:crypto';
import { fail } from '../../../errors.ts';
import { concurrently } from '../../concurrently.ts';
import type { Bucket } from './bucket.ts';
import type { ImagePart } from './image-parts.ts';
import { inParts } from './in-parts.ts';
import type { Part } from './uploads.ts';

export interface ImageSource {
  readonly parts: readonly ImagePart[];
  readonly size: number;
  readonly read: (offset: number, length: number) => Promise<Buffer>;
  /** Hears how many bytes more have arrived, sent or copied. */
  readonly arrived: (bytes: number) => void;
}

const mostInMemory = 256 * 1024 ** 2;
const mostAtOnce = 4;
/** Sent once; longer rows of zeros are copied together of it. */
const sentZeros = 8 * 1024 ** 2;
/** Of parts of zeros that are read back, and of each end of them. */
const mostCompared = 256;
const comparedBytes = 512;

/** Creates the object, or replaces it. When it fails, nothing is there that was not there before. */
export async function sendImage(
  bucket: Bucket,
  key: string,
  { parts, size, read, arrived }: ImageSource,
  signal: AbortSignal,
): Promise<void> {
  const longest = (kind: ImagePart['kind']) =>
    parts.reduce((most, part) => (part.kind === kind ? Math.max(most, part.length) : most), 0);
  const atOnce = Math.min(mostAtOnce, Math.max(1, Math.floor(mostInMemory / Math.max(1, longest('sent')))));
  await withZeros(bucket, key, longest('zeros'), signal, async (zeros) => {
    const send = async (uploadId: string, { kind, offset, length }: ImagePart, number: number): Promise<Part> => {
      signal.throwIfAborted();
      const part =
        kind === 'zeros'
          ? await bucket.uploads.copy(key, uploadId, number, { ...zeros, offset: 0, length }, signal)
          : await bucket.uploads.send(key, uploadId, number, await read(offset, length), signal);
      arrived(length);
      return part;
    };
    await inParts(bucket, key, size, (uploadId) =>
      concurrently(parts, atOnce, (part, index) => send(uploadId, part, index + 1)),
    );
  });
  await requireZeros(
    bucket,
    key,
    parts.filter(({ kind }) => kind === 'zeros'),
  );
}

interface Zeros {
  readonly key: string;
  readonly etag: string;
}

/** An object of so many zeros, or of none, for as long as `work` takes. */
async function withZeros(
  bucket: Bucket,
  key: string,
  length: number,
  signal: AbortSignal,
  work: (zeros: Zeros) => Promise<void>,
): Promise<void> {
  const base = `${key}.zeros-${randomBytes(8).toString('hex')}`;
  const made: string[] = [];
  const create = async (name: string, make: () => Promise<void>): Promise<Zeros> => {
    made.push(name);
    await make();
    return { key: name, etag: (await bucket.head(name))?.etag ?? '' };
  };
  try {
    let zeros: Zeros = { key: base, etag: '' };
    if (length > 0) {
      const first = Math.min(length, sentZeros);
      zeros = await create(base, () => bucket.create(base, Buffer.alloc(first), { signal }));
      if (length > first)
        zeros = await create(`${base}-all`, () => multiply(bucket, zeros, `${base}-all`, length, signal));
    }
    await work(zeros);
  } finally {
    // A key that may not remove leaves them; they are the caller's to remove, and cost little.
    if (made.length > 0) await bucket.remove(made).catch(() => undefined);
  }
}

async function multiply(bucket: Bucket, zeros: Zeros, key: string, length: number, signal: AbortSignal): Promise<void> {
  const numbers = Array.from({ length: Math.ceil(length / sentZeros) }, (_, index) => index + 1);
  await inParts(bucket, key, length, (uploadId) =>
    concurrently(numbers, mostAtOnce, (number) => {
      const part = { ...zeros, offset: 0, length: Math.min(sentZeros, length - (number - 1) * sentZeros) };
      return bucket.uploads.copy(key, uploadId, number, part, signal);
    }),
  );
}

/** Both ends of parts that the server made, of many of them some. */
async function requireZeros(bucket: Bucket, key: string, parts: readonly ImagePart[]): Promise<void> {
  const stride = Math.ceil(parts.length / mostCompared);
  const some = parts.filter((_, index) => index % stride === 0);
  await concurrently(some, mostAtOnce, async ({ offset, length }) => {
    const compared = Math.min(comparedBytes, length);
    for (const at of [offset, offset + length - compared]) {
      const bytes = await bucket.get(key, { offset: at, length: compared });
      if (bytes.length === compared && bytes.every((byte) => byte === 0)) continue;
      const what = `${key} in bucket ${bucket.name}`;
      throw fail('STORAGE_FAILED', { verb: 'UploadPartCopy', what, reason: 'the server copied something else' });
    }
  });
}
