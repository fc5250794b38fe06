import { clearLeftovers, findLeftovers, type Leftover } from '../mount/janitor.ts';
import { losesOverlay, type MountRecord } from '../mount/records/record.ts';
import { Records } from '../mount/records/records.ts';
import { type RepositoryAccess, withRepository } from './access.ts';
import { type Ability, examineMachine } from './machine.ts';
import { clearRemains, findRemains, type Remains } from './remains.ts';

export type { Ability } from './machine.ts';
export type { Remains } from './remains.ts';

export interface Diagnosis {
  /** Whether all is there that is required. */
  readonly able: boolean;
  readonly machine: readonly Ability[];
  /** Of the repository, when one was named: as it was found. */
  readonly remains: Remains | null;
  /** Whether what killed runs left was removed. */
  readonly fixed: boolean;
  /** Mounts, drives and exports that killed processes left on this machine. */
  readonly mounts: readonly LeftMount[];
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
  if (!able) return { able, machine, remains: null, fixed: false, mounts: [] };
  const mounts = await leftMounts(fix);
  if (repository === null) return { able, machine, remains: null, fixed: false, mounts };
  return withRepository(repository, async (repo) => {
    const remains = await findRemains(repo);
    const fixed = fix && remains.deadRuns.length > 0;
    if (fixed) await clearRemains(repo);
    return { able, machine, remains, fixed, mounts };
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
