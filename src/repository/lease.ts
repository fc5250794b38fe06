/**
 * A lease that this process holds while it is at work.
 *
 * Two runs cannot hold one disk for the same purpose: each looks, creates its lease, and looks again. Of two that race at least one sees
 * the other; it withdraws, waits a random while and begins anew. Being renewed, a lease grows a new object, and the
 * last but one goes, so that a listing made meanwhile sees at least one.
 *
 * Who may only add to the repository ends a lease by one more object, which has expired when it is written.
 */
import { randomInt } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { fail, fromSystem, reasonOf, type StrataError } from '../errors.ts';
import type { Warning } from './events.ts';
import { type Here, thisProcess } from './here.ts';
import {
  type Claim,
  endedLong,
  findLeases,
  type LeaseRecord,
  leaseName,
  leaseTerm,
  removeLeaseState,
} from './leases.ts';
import { sealRecord } from './record.ts';
import type { Repository } from './repository.ts';

const renewalPeriod = 60_000;
const attempts = 4;

/** What is told of a renewal that failed. */
export function renewalWarning(error: unknown): Warning {
  return { code: 'LEASE_RENEWAL', message: `the lease could not be renewed: ${reasonOf(error)}` };
}

interface LeaseState {
  readonly record: LeaseRecord;
  readonly n: number;
}

export class Lease {
  readonly id: string;
  readonly #repo: Repository;
  readonly #here: Here;
  readonly #timer: NodeJS.Timeout;
  #record: LeaseRecord;
  #n: number;
  #lost = false;
  /** The renewal under way, or the last one. */
  #renewal: Promise<void> = Promise.resolve();

  private constructor(repo: Repository, state: LeaseState, here: Here, onTrouble: (error: unknown) => void) {
    this.id = state.record.id;
    this.#repo = repo;
    this.#record = state.record;
    this.#n = state.n;
    this.#here = here;
    this.#timer = setInterval(() => {
      this.#renewal = this.#renewal.then(() => this.renew()).catch(onTrouble);
    }, renewalPeriod).unref();
  }

  /**
   * Takes the lease of run `id`: LOCKED when a living run holds what is claimed. `onTrouble` hears of renewals that
   * failed; the work may go on, for `check` decides in the end.
   */
  static async take(
    repo: Repository,
    id: string,
    claim: Claim,
    onTrouble: (error: unknown) => void,
    here: Here = thisProcess(),
  ): Promise<Lease> {
    for (let [attempt, n] = [1, 0]; ; attempt++) {
      const holder = await lockedBy(repo, id, claim, here);
      if (holder !== null) throw holder;
      const record = newRecord(id, claim, here);
      await putState(repo, record, n);
      const rival = await lockedBy(repo, id, claim, here).catch((error: unknown) =>
        fromSystem(error, 'cannot take a lease'),
      );
      if (rival === null) return new Lease(repo, { record, n }, here, onTrouble);
      n = await end(repo, record, n);
      if (attempt === attempts || rival.code !== 'LOCKED') throw rival;
      await wait(randomInt(50, 500));
    }
  }

  /** LEASE_LOST unless the lease still stands: whoever took it for dead may have removed what this run needs. */
  async check(): Promise<void> {
    await this.#renewal;
    await this.#requireStanding();
  }

  /** Makes the lease hold for another term. */
  async renew(): Promise<void> {
    await this.#requireStanding();
    const record = { ...this.#record, expires: new Date(this.#here.now() + leaseTerm).toISOString() };
    await putState(this.#repo, record, this.#n + 1);
    this.#record = record;
    this.#n += 1;
    if (this.#n >= 2) await removeLeaseState(this.#repo, leaseName(this.id, this.#n - 2));
  }

  /** Ends the lease. */
  async release(): Promise<void> {
    clearInterval(this.#timer);
    await this.#renewal;
    // The older first: a release that is cut short must not leave an older state as the newest.
    if (this.#n >= 1) await removeLeaseState(this.#repo, leaseName(this.id, this.#n - 1));
    await end(this.#repo, this.#record, this.#n);
  }

  async #requireStanding(): Promise<void> {
    const expired = Date.parse(this.#record.expires) < this.#here.now();
    this.#lost ||= expired || (await this.#repo.store.stat(leaseName(this.id, this.#n))) === null;
    if (this.#lost) throw fail('LEASE_LOST', { lease: this.id });
  }
}

async function putState(repo: Repository, record: LeaseRecord, n: number): Promise<void> {
  const name = leaseName(record.id, n);
  await repo.store.put(name, sealRecord(repo.vault, name, record));
}

/** Ends a lease whose newest state is the n-th; the number that is free now. */
async function end(repo: Repository, record: LeaseRecord, n: number): Promise<number> {
  if (await removeLeaseState(repo, leaseName(record.id, n))) return n;
  await putState(repo, { ...record, expires: endedLong }, n + 1);
  return n + 2;
}

function newRecord(id: string, claim: Claim, here: Here): LeaseRecord {
  return {
    id,
    machine: '',
    disk: '',
    ...claim,
    host: here.host,
    machineId: here.machineId,
    bootId: here.bootId,
    pidNamespace: here.pidNamespace,
    pid: here.pid,
    pidStart: here.startOf(here.pid) ?? '',
    since: new Date(here.now()).toISOString(),
    expires: new Date(here.now() + leaseTerm).toISOString(),
  };
}

/** The error that tells who else holds what is claimed; null when nobody does. */
async function lockedBy(repo: Repository, id: string, claim: Claim, here: Here): Promise<StrataError | null> {
  if (claim.purpose === 'reading') return null;
  for (const { id: other, record, dead } of await findLeases(repo, here)) {
    if (dead || other === id) continue;
    // What cannot be read may be anybody's.
    if (record !== null && !excludes(record, claim)) continue;
    const holder = record === null ? `the unreadable lease ${other}` : `process ${record.pid} on ${record.host}`;
    const since = record?.since ?? 'an unknown time';
    return fail('LOCKED', { what: nameOf(claim), holder, since });
  }
  return null;
}

function excludes(record: LeaseRecord, claim: Claim): boolean {
  if (record.purpose !== claim.purpose) return false;
  return !('disk' in claim) || (record.machine === claim.machine && record.disk === claim.disk);
}

function nameOf(claim: Claim): string {
  if ('disk' in claim) return `disk ${claim.machine}/${claim.disk}`;
  return 'the collection of this repository';
}
