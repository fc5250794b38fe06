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
}

export interface DoctorRequest {
  readonly repository: RepositoryAccess | null;
  /** Remove what killed runs left in the repository. */
  readonly fix: boolean;
}

/** Examines this machine, and a repository when one is named. */
export async function doctorJob({ repository, fix }: DoctorRequest): Promise<Diagnosis> {
  const machine = await examineMachine();
  const able = machine.every(({ required, found }) => found || !required);
  if (repository === null || !able) return { able, machine, remains: null, fixed: false };
  return withRepository(repository, async (repo) => {
    const remains = await findRemains(repo);
    const fixed = fix && remains.deadRuns.length > 0;
    if (fixed) await clearRemains(repo);
    return { able, machine, remains, fixed };
  });
}
