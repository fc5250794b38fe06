/**
 * An object that the server makes of ranges of others, with an end that we send.
 *
 * Not every server heeds the condition that a source must still be what it was, so their entity tags are compared before and after; and as
 * some have been seen to copy other ranges than those asked for, the first and the last bytes of each are read and compared.
 */
import { readFile } from 'node:fs/promises';
import { fail } from '../../../errors.ts';
import { concurrently } from '../../concurrently.ts';
import type { Bucket, Entry } from './bucket.ts';
import { inParts } from './in-parts.ts';
import type { Lock } from './retentions.ts';
import type { Part } from './uploads.ts';

export interface SourceRange {
  readonly key: string;
  readonly offset: number;
  readonly length: number;
}

const partsAtOnce = 4;
/** Of each end of a range; no frame's header is longer. */
const comparedBytes = 80;

/** Creates the object of a key that nobody else can have chosen: OBJECT_EXISTS when it is there all the same. */
export async function joinRanges(
  bucket: Bucket,
  key: string,
  ranges: readonly SourceRange[],
  endFile: string,
  { lock, signal }: { readonly lock?: Lock | undefined; readonly signal: AbortSignal | undefined },
): Promise<void> {
  const end = await readFile(endFile);
  await bucket.requireFree(key);
  const keys = [...new Set(ranges.map((range) => range.key))];
  const before = await headsOf(bucket, keys);
  const size = ranges.reduce((sum, { length }) => sum + length, end.length);
  await inParts(bucket, key, size, async (uploadId) => {
    const parts = await concurrently(ranges, partsAtOnce, (range, index): Promise<Part> => {
      const etag = before.get(range.key)?.etag ?? '';
      return bucket.uploads.copy(key, uploadId, index + 1, { ...range, etag }, signal);
    });
    return [...parts, await bucket.uploads.send(key, uploadId, ranges.length + 1, end, signal)];
  });
  try {
    await requireSame(bucket, before);
    await requireCopied(bucket, key, ranges);
    // What is locked could not be removed.
    if (lock) await bucket.lock(key, lock);
  } catch (error) {
    await bucket.remove([key]).catch(() => undefined);
    throw error;
  }
}

async function headsOf(bucket: Bucket, keys: readonly string[]): Promise<ReadonlyMap<string, Entry>> {
  const heads = await concurrently(keys, partsAtOnce, async (key) => {
    const head = await bucket.head(key);
    if (head === null) throw fail('OBJECT_MISSING', { name: key });
    return head;
  });
  return new Map(heads.map((head) => [head.key, head]));
}

async function requireSame(bucket: Bucket, before: ReadonlyMap<string, Entry>): Promise<void> {
  const after = await headsOf(bucket, [...before.keys()]);
  for (const [key, { etag, bytes }] of before) {
    const now = after.get(key);
    if (now?.etag !== etag || now.bytes !== bytes) throw wrong(bucket, key, 'it changed while it was copied');
  }
}

async function requireCopied(bucket: Bucket, key: string, ranges: readonly SourceRange[]): Promise<void> {
  const ends: { readonly from: SourceRange; readonly at: number }[] = [];
  let position = 0;
  for (const range of ranges) {
    const length = Math.min(comparedBytes, range.length);
    ends.push({ from: { ...range, length }, at: position });
    ends.push({
      from: { key: range.key, offset: range.offset + range.length - length, length },
      at: position + range.length - length,
    });
    position += range.length;
  }
  await concurrently(ends, partsAtOnce, async ({ from, at }) => {
    const [copy, original] = await Promise.all([
      bucket.get(key, { offset: at, length: from.length }),
      bucket.get(from.key, { offset: from.offset, length: from.length }),
    ]);
    if (!copy.equals(original)) throw wrong(bucket, from.key, 'the server copied another range than was asked for');
  });
}

function wrong(bucket: Bucket, key: string, reason: string) {
  return fail('STORAGE_FAILED', { verb: 'UploadPartCopy', what: `${key} in bucket ${bucket.name}`, reason });
}
