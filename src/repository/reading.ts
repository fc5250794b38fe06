/**
 * Reading that lasts says so in the repository, by a lease, so that collection frees nothing under it. What is opened
 * after the lease stands is safe until it ends.
 */
import { randomBytes } from 'node:crypto';
import { isStrataError, reasonOf } from '../errors.ts';
import type { Warning } from './events.ts';
import { Lease } from './lease.ts';
import type { Repository } from './repository.ts';

export interface Reading {
  end(): Promise<void>;
}

/** Announces that this process reads, until it says that it has ended. */
export async function beginReading(repo: Repository, warn: (warning: Warning) => void): Promise<Reading> {
  const trouble = (error: unknown) => warn(unprotected(error));
  try {
    const lease = await Lease.take(repo, randomBytes(12).toString('hex'), { purpose: 'reading' }, trouble);
    return { end: () => lease.release().catch(trouble) };
  } catch (error) {
    // On a medium that is read-only here nobody else collects through it either.
    if (!isStrataError(error, 'READ_ONLY')) trouble(error);
    return { end: async () => undefined };
  }
}

/** Runs `work` as one reading. */
export async function whileReading<Result>(
  repo: Repository,
  warn: (warning: Warning) => void,
  work: () => Promise<Result>,
): Promise<Result> {
  const reading = await beginReading(repo, warn);
  try {
    return await work();
  } finally {
    await reading.end();
  }
}

function unprotected(error: unknown): Warning {
  const message = `a collection may free what is being read, for its lease could not be written: ${reasonOf(error)}`;
  return { code: 'READING_UNPROTECTED', message };
}
