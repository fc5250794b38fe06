/** What lies in a repository without being of use: what killed runs left, and packs that no point refers to. */
import { fromNative, isStrataError } from '../errors.ts';
import { native } from '../native.ts';
import { thisProcess } from '../repository/here.ts';
import { findLeases } from '../repository/leases.ts';
import { clearLeftovers } from '../repository/leftovers.ts';
import { columnName } from '../repository/manifest.ts';
import { listPacks, runOfPack } from '../repository/packs.ts';
import { listPoints } from '../repository/points.ts';
import type { Repository } from '../repository/repository.ts';

export interface DeadRun {
  readonly run: string;
  /** Null when its lease cannot be read, or is gone. */
  readonly machine: string | null;
  readonly disk: string | null;
  readonly since: string | null;
  readonly spool: boolean;
}

export interface Remains {
  /** Runs that ended without clearing up. */
  readonly deadRuns: readonly DeadRun[];
  /** Packs that no point refers to and no living run wrote; null when a damaged point keeps it from being known. */
  readonly unusedPacks: { readonly count: number; readonly bytes: number } | null;
}

/** Looks for what is of no use. */
export async function findRemains(repo: Repository): Promise<Remains> {
  // Spools first: a run has its lease before its spool, so a spool seen now without a lease is nobody's.
  const spools = await repo.store.spools();
  const leases = await findLeases(repo, thisProcess());
  const held = new Set(leases.map(({ id }) => id));
  const dead = leases.filter((lease) => lease.dead);
  const orphans = spools.filter((run) => !held.has(run));
  return {
    deadRuns: [
      ...dead.map(({ id, record }) => ({
        run: id,
        machine: record?.machine ?? null,
        disk: record?.disk ?? null,
        since: record?.since ?? null,
        spool: spools.includes(id),
      })),
      ...orphans.map((run) => ({ run, machine: null, disk: null, since: null, spool: true })),
    ],
    unusedPacks: await findUnusedPacks(repo, new Set(leases.filter((lease) => !lease.dead).map(({ id }) => id))),
  };
}

/** Removes what killed runs left; their packs stay, for the next run uses them. */
export async function clearRemains(repo: Repository): Promise<void> {
  await clearLeftovers(repo, await listPacks(repo), () => {});
}

async function findUnusedPacks(repo: Repository, living: ReadonlySet<string>): Promise<Remains['unusedPacks']> {
  // Packs first: one that is listed before the points are was either referred to by then, or is of a living run.
  const packs = await listPacks(repo);
  const { points, damaged } = await listPoints(repo, { includeForgotten: true });
  if (damaged.length > 0) return null;
  const used = new Set<string>();
  for (const { id, manifest } of points) {
    const path = repo.store.localPath(columnName(id, 'loc'));
    try {
      for (const pack of await native.packsOf(repo.vault, { path, ...manifest.map.loc })) used.add(pack);
    } catch (error) {
      const failure = fromNative(error, path);
      if (isStrataError(failure, 'MAP_MISSING', 'MAP_DAMAGED', 'FRAME_DAMAGED')) return null;
      throw failure;
    }
  }
  const unused = [...packs.values()].filter(({ id }) => !used.has(id) && !living.has(runOfPack(id)));
  return { count: unused.length, bytes: unused.reduce((sum, { bytes }) => sum + bytes, 0) };
}
