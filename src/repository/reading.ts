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
  try {
    return await announce(repo, warn);
  } catch (error) {
    // On a medium that is read-only here nobody else collects through it either.
    if (!isStrataError(error, 'READ_ONLY')) warn(unprotected(error));
    return { end: async () => undefined };
  }
}

/**
 * A reading that may last for months. Being renewed it becomes a new one, so that what was forgotten meanwhile need not
 * wait for its end.
 */
export class LongReading implements Reading {
  readonly #repo: Repository;
  readonly #warn: (warning: Warning) => void;
  #current: Reading;

  private constructor(repo: Repository, warn: (warning: Warning) => void, first: Reading) {
    this.#repo = repo;
    this.#warn = warn;
    this.#current = first;
  }

  static async begin(repo: Repository, warn: (warning: Warning) => void): Promise<LongReading> {
    return new LongReading(repo, warn, await beginReading(repo, warn));
  }

  /**
   * Begins a new reading, and ends the one before when `letGo`, called in between, finds that nothing is in use any more
   * that only the one before keeps; else all stays as it was. Tells whether it was ended.
   */
  async renew(letGo: () => Promise<boolean>): Promise<boolean> {
    let next: Reading;
    try {
      next = await announce(this.#repo, this.#warn);
    } catch (error) {
      if (!isStrataError(error, 'READ_ONLY')) this.#warn(notRenewed(error));
      return false;
    }
    let ended = next;
    try {
      if (await letGo()) [ended, this.#current] = [this.#current, next];
    } finally {
      await ended.end();
    }
    return ended !== next;
  }

  end(): Promise<void> {
    return this.#current.end();
  }
}

async function announce(repo: Repository, warn: (warning: Warning) => void): Promise<Reading> {
  const trouble = (error: unknown) => warn(unprotected(error));
  const lease = await Lease.take(repo, randomBytes(12).toString('hex'), { purpose: 'reading' }, trouble);
  return { end: () => lease.release().catch(trouble) };
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

function notRenewed(error: unknown): Warning {
  const message = `what is forgotten is kept as long as it is read here: no new lease could be written: ${reasonOf(error)}`;
  return { code: 'LEASE_RENEWAL', message };
}
