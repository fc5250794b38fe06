import { type DiffResult, diffPoints } from '../repository/diff.ts';
import type { Emit } from '../repository/events.ts';
import { selectPoint } from '../repository/select.ts';
import { type RepositoryAccess, withRepository } from './access.ts';

export type { DiffResult } from '../repository/diff.ts';

/** What differs between two points; `emit` hears of warnings. */
export function diffJob(access: RepositoryAccess, a: string, b: string, emit: Emit): Promise<DiffResult> {
  return withRepository(access, async (repo) =>
    diffPoints(repo, await selectPoint(repo, a, emit), await selectPoint(repo, b, emit)),
  );
}
