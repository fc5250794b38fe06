/** What lies in a repository without being of use: what killed runs left, and packs that no point refers to. */
import { isStrataError } from '../errors.ts';
import { survey } from '../repository/collection/survey.ts';
import { thisProcess } from '../repository/here.ts';
import { findLeases, type LeaseRecord } from '../repository/leases.ts';
import { clearLeftovers } from '../repository/leftovers.ts';
import { listPacks } from '../repository/packs.ts';
import type { Repository } from '../repository/repository.ts';

export interface DeadRun {
  readonly run: string;
  /** What it was at; null when its lease cannot be read, or is gone. */
  readonly purpose: LeaseRecord['purpose'] | null;
  /** Null also of what is done for no disk. */
  readonly machine: string | null;
  readonly disk: string | null;
  readonly since: string | null;
  readonly spool: boolean;
}

export interface Remains {
  /** Runs that ended without clearing up. */
  readonly deadRuns: readonly DeadRun[];
  /** Packs that no kept point needs and no run at work wrote; null when a damaged point keeps it from being known. */
  readonly unusedPacks: { readonly count: number; readonly bytes: number } | null;
}

/** Looks for what is of no use. */
export async function findRemains(repo: Repository): Promise<Remains> {
  // Spools first: a run has its lease before its spool, so a spool seen now without a lease is nobody's.
  const spools = await repo.store.spools();
  const leases = await findLeases(repo, thisProcess());
  const held = new Set(leases.map(({ id }) => id));
  const dead = leases.filter((lease) => lease.dead && !lease.ended);
  const orphans = spools.filter((run) => !held.has(run));
  return {
    deadRuns: [
      ...dead.map(({ id, record }) => ({
        run: id,
        purpose: record?.purpose ?? null,
        machine: record?.machine || null,
        disk: record?.disk || null,
        since: record?.since ?? null,
        spool: spools.includes(id),
      })),
      ...orphans.map((run) => ({ run, purpose: null, machine: null, disk: null, since: null, spool: true })),
    ],
    unusedPacks: await findUnusedPacks(repo),
  };
}

/** Removes what killed runs left; their packs stay, for the next run uses them. */
export async function clearRemains(repo: Repository): Promise<void> {
  await clearLeftovers(repo, await listPacks(repo), () => {});
}

async function findUnusedPacks(repo: Repository): Promise<Remains['unusedPacks']> {
  try {
    const { dead } = await survey(repo, '', thisProcess(), new AbortController().signal);
    const sizes = [...dead].filter(([name]) => name.startsWith('packs/')).map(([, bytes]) => bytes);
    return { count: sizes.length, bytes: sizes.reduce((sum, bytes) => sum + bytes, 0) };
  } catch (error) {
    if (isStrataError(error, 'COLLECTION_UNSAFE', 'CHAIN_BROKEN', 'MAP_MISSING', 'MAP_DAMAGED')) return null;
    throw error;
  }
}
