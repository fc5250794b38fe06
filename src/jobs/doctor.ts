import { clearOrphans, findSnapshots } from '../backup/snapshots/leftovers.ts';
import { snapshotRecordsFolder } from '../backup/snapshots/records.ts';
import { clearLeftovers, findLeftovers, type Leftover } from '../mount/janitor.ts';
import { losesOverlay, type MountRecord } from '../mount/records/record.ts';
import { Records } from '../mount/records/records.ts';
import { concurrently } from '../repository/concurrently.ts';
import { listKnownPoints } from '../repository/known-points.ts';
import { manifestName } from '../repository/manifest.ts';
import type { Repository } from '../repository/repository.ts';
import type { LockRule } from '../repository/stores/lock.ts';
import { type RepositoryAccess, withRepository } from './access.ts';
import { type Ability, examineMachine } from './machine.ts';
import { clearRemains, findRemains, type Remains } from './remains.ts';

export type { Ability } from './machine.ts';
export type { Remains } from './remains.ts';

const locksAtOnce = 32;

export interface Diagnosis {
  /** Whether all is there that is required. */
  readonly able: boolean;
  readonly machine: readonly Ability[];
  /** Of the repository, when one was named: as it was found. */
  readonly remains: Remains | null;
  /** How the repository is locked; null when it is not. */
  readonly lock: LockState | null;
  /** Whether what killed runs left was removed. */
  readonly fixed: boolean;
  /** Mounts, drives and exports that killed processes left on this machine. */
  readonly mounts: readonly LeftMount[];
  /** Snapshots that killed backups left, and those that are kept for the next backup of their disk. */
  readonly snapshots: readonly LeftSnapshot[];
}

export interface LeftSnapshot {
  readonly provider: string;
  readonly source: string;
  /** The disk that it is of. */
  readonly machine: string;
  readonly disk: string;
  readonly places: readonly string[];
  /** Whether it is wanted; then it stays. */
  readonly kept: boolean;
  readonly cleared: boolean;
}

/** The rule, and what there is of it on the points: the lock of a point that is seldom renewed ends first. */
export interface LockState extends LockRule {
  readonly points: number;
  /** Points whose manifest anybody may remove who may remove anything. */
  readonly unlocked: number;
  /** When the first lock of a point ends; ISO 8601 UTC, null without points. */
  readonly soonestEnd: string | null;
}

export interface LeftMount {
  readonly id: string;
  readonly kind: MountRecord['kind'];
  readonly cause: Leftover['cause'];
  /** The file with what was written. */
  readonly overlay: string | null;
  /** Whether that file stays: one that nobody named for an export does not. */
  readonly keepsOverlay: boolean;
  readonly cleared: boolean;
  /** What kept it from being cleared. */
  readonly trouble: string | null;
}

export interface DoctorRequest {
  readonly repository: RepositoryAccess | null;
  /** Remove what killed runs left in the repository, and on this machine. */
  readonly fix: boolean;
}

/** Examines this machine, and a repository when one is named. */
export async function doctorJob({ repository, fix }: DoctorRequest): Promise<Diagnosis> {
  const machine = await examineMachine();
  const able = machine.every(({ required, found }) => found || !required);
  if (!able) return { able, machine, remains: null, lock: null, fixed: false, mounts: [], snapshots: [] };
  const mounts = await leftMounts(fix);
  const snapshots = await leftSnapshots(fix);
  if (repository === null) return { able, machine, remains: null, lock: null, fixed: false, mounts, snapshots };
  return withRepository(repository, async (repo) => {
    const remains = await findRemains(repo);
    const fixed = fix && remains.deadRuns.length > 0;
    if (fixed) await clearRemains(repo);
    return { able, machine, remains, lock: await lockState(repo), fixed, mounts, snapshots };
  });
}

async function lockState(repo: Repository): Promise<LockState | null> {
  const { locks } = repo.store;
  if (locks === null) return null;
  const { points } = await listKnownPoints(repo);
  const ends = await concurrently(points, locksAtOnce, ({ id }) => locks.until(manifestName(id)));
  const times = ends.map((end) => end?.getTime() ?? 0);
  const soonest = Math.min(...times);
  return {
    ...locks.rule,
    points: points.length,
    unlocked: times.filter((time) => time <= Date.now()).length,
    soonestEnd: points.length === 0 ? null : new Date(soonest).toISOString(),
  };
}

async function leftSnapshots(fix: boolean): Promise<LeftSnapshot[]> {
  const folder = snapshotRecordsFolder();
  const found = await findSnapshots(folder);
  const nobody = () => undefined;
  if (fix) await clearOrphans(folder, nobody, nobody);
  const left = fix ? (await findSnapshots(folder)).map(({ id }) => id) : found.map(({ id }) => id);
  return found.map(({ id, provider, source, owner: { machine, disk }, places, kept }) => {
    return { provider, source, machine, disk, places, kept, cleared: !left.includes(id) };
  });
}

async function leftMounts(fix: boolean): Promise<LeftMount[]> {
  const records = new Records();
  if (!fix) return (await findLeftovers(records)).map((found) => describe(found, false, null));
  const cleared = await clearLeftovers(records);
  return cleared.map((found) => describe(found, found.trouble === null, found.trouble?.message ?? null));
}

function describe({ record, cause }: Leftover, cleared: boolean, trouble: string | null): LeftMount {
  const { id, kind, overlay } = record;
  return { id, kind, cause, overlay, keepsOverlay: overlay !== null && !losesOverlay(record), cleared, trouble };
}
