import { type DiffResult, diffPoints } from '../repository/diff.ts';
import { selectPoint } from '../repository/select.ts';
import { type RepositoryAccess, withRepository } from './access.ts';

export type { DiffResult } from '../repository/diff.ts';

/** What differs between two points. */
export function diffJob(access: RepositoryAccess, a: string, b: string): Promise<DiffResult> {
  return withRepository(access, async (repo) =>
    diffPoints(repo, await selectPoint(repo, a), await selectPoint(repo, b)),
  );
}
