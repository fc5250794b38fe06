/**
 * What a server really does, tried before a repository is trusted to it. Without creation that one of many wins, two machines could
 * both believe that they had made a point: such a server is refused. What else it can do is kept in `strata.json`.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { fail, isStrataError } from '../../../errors.ts';
import type { LockMode } from '../lock.ts';
import type { Bucket } from './bucket.ts';
import { smallestPart } from './upload.ts';

export const probeFolder = 'probe/';
const rounds = 8;
const racers = 4;
/** Large enough to be on its way for a while. */
const largeBody = 3 * 1024 ** 2;
/** Milliseconds of a lock that is tried, one after the other: the shorter may have ended before the answer came. */
const lockTrials = [3000, 30_000];

export interface S3Abilities {
  readonly [name: string]: string | number | boolean;
  /** When it was tried. */
  readonly probed: string;
  /** Parts of objects can be copied by the server. */
  readonly partCopy: boolean;
  /** The bucket keeps versions: the first is the object. */
  readonly versions: boolean;
}

/**
 * Tries a bucket: LOCATION_UNSUITABLE when it cannot hold a repository, or does not hold locks of this mode, if one is asked for. What it
 * writes it removes.
 */
export async function probe(bucket: Bucket, folder: string, mode: LockMode | null): Promise<S3Abilities> {
  const run = randomBytes(8).toString('hex');
  const made: string[] = [];
  const keyOf = (name: string) => {
    const key = `${folder}${probeFolder}${run}-${name}`;
    made.push(key);
    return key;
  };
  try {
    await proveCondition(bucket, keyOf('condition'));
    for (let round = 0; round < rounds; round++) {
      // In the second one writer begins with the others, and comes to its end long after them.
      const sizes = Array.from({ length: racers }, (_, racer) =>
        round === 0 || round + racer === 1 ? largeBody : 1024,
      );
      await proveRace(bucket, keyOf(`race-${round}`), sizes);
    }
    if (mode !== null) await proveLock(bucket, keyOf, mode);
    await proveRange(bucket, keyOf('range'));
    const partCopy = await copiesParts(bucket, keyOf('from'), keyOf('to'));
    return { probed: new Date().toISOString(), partCopy, versions: bucket.isVersioned };
  } finally {
    await clear(bucket, made);
  }
}

/** Whoever may only add cannot remove them; they are small, and belong to nobody. */
async function clear(bucket: Bucket, made: readonly string[]): Promise<void> {
  try {
    for (let keys = made; keys.length > 0; ) {
      const locked = await bucket.remove(keys);
      const ends = locked.map(({ until }) => until.getTime() - bucket.now);
      if (ends.length > 0) await wait(Math.min(1000, Math.max(100, ...ends)));
      keys = locked.map(({ key }) => key);
    }
  } catch (error) {
    if (!isStrataError(error, 'STORAGE_FORBIDDEN')) throw error;
  }
}

/** What is locked must outlast a deletion, and being written over. */
async function proveLock(bucket: Bucket, keyOf: (name: string) => string, mode: LockMode): Promise<void> {
  for (const time of lockTrials) {
    const key = keyOf(`lock-${time}`);
    const until = new Date(bucket.now + time);
    const body = randomBytes(100);
    await bucket.create(key, body, { lock: { mode, until } });
    const locked = await bucket.remove([key]);
    const overwritten = await creates(bucket, key, randomBytes(100));
    if (locked.length === 1 && !overwritten && (await bucket.get(key)).equals(body)) return;
    if (bucket.now < until.getTime()) break;
  }
  throw unsuitable(bucket, `what was locked (${mode}) could be removed all the same`);
}

function unsuitable(bucket: Bucket, reason: string) {
  return fail('LOCATION_UNSUITABLE', { location: `bucket ${bucket.name}`, reason });
}

async function proveCondition(bucket: Bucket, key: string): Promise<void> {
  await bucket.create(key, Buffer.from('first'));
  if (await creates(bucket, key, Buffer.from('second'))) {
    throw unsuitable(bucket, 'the server ignores the condition that an object must not exist (If-None-Match)');
  }
}

/** Of several that create one object at once exactly one must win, and what it sent must be there. */
async function proveRace(bucket: Bucket, key: string, sizes: readonly number[]): Promise<void> {
  const bodies = sizes.map((bytes) => randomBytes(bytes));
  const won = await Promise.all(bodies.map((body) => creates(bucket, key, body)));
  const winners = bodies.filter((_, racer) => won[racer]);
  if (winners.length !== 1 || !(await bucket.get(key)).equals(winners[0] ?? Buffer.alloc(0))) {
    throw unsuitable(bucket, `of ${racers} that created an object at once ${winners.length} were told that they had`);
  }
}

async function proveRange(bucket: Bucket, key: string): Promise<void> {
  const body = randomBytes(10_000);
  await bucket.create(key, body);
  const parts = await Promise.all([
    bucket.get(key, { offset: 1234, length: 4321 }),
    bucket.get(key, { offset: 9000, length: 4096 }),
  ]);
  if (!parts[0].equals(body.subarray(1234, 1234 + 4321)) || !parts[1].equals(body.subarray(9000))) {
    throw unsuitable(bucket, 'the server gives other bytes than those of the range that was asked for');
  }
}

/** Whether the server makes an object of parts of others; the bytes decide, not the answer. */
async function copiesParts(bucket: Bucket, from: string, to: string): Promise<boolean> {
  const body = randomBytes(2 * smallestPart + 3);
  await bucket.create(from, body);
  try {
    const uploadId = await bucket.uploads.start(to);
    const ranges = [
      { offset: 1, length: smallestPart },
      { offset: 7, length: 1001 },
    ];
    const etag = (await bucket.head(from))?.etag ?? '';
    const parts = await Promise.all(
      ranges.map((range, index) => bucket.uploads.copy(to, uploadId, index + 1, { key: from, etag, ...range })),
    );
    await bucket.uploads.finish(to, uploadId, parts, smallestPart + 1001);
    const expected = Buffer.concat(ranges.map(({ offset, length }) => body.subarray(offset, offset + length)));
    return (await bucket.get(to)).equals(expected);
  } catch (error) {
    if (isStrataError(error, 'STORAGE_FAILED', 'STORAGE_FORBIDDEN')) return false;
    throw error;
  }
}

async function creates(bucket: Bucket, key: string, body: Uint8Array): Promise<boolean> {
  try {
    await bucket.create(key, body);
    return true;
  } catch (error) {
    if (isStrataError(error, 'OBJECT_EXISTS')) return false;
    throw error;
  }
}
