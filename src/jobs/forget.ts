import { type ForgetResult, forgetPoints } from '../repository/forget.ts';
import { type RepositoryAccess, withRepository } from './access.ts';

export type { ForgetResult } from '../repository/forget.ts';

/** Drops points, or says what would go. */
export function forgetJob(
  access: RepositoryAccess,
  specs: readonly string[],
  options: { readonly dryRun: boolean },
): Promise<ForgetResult> {
  return withRepository(access, (repo) => forgetPoints(repo, specs, options));
}
