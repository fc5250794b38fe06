import { type ProtectResult, protectPoint } from '../repository/protect.ts';
import { type RepositoryAccess, withRepository } from './access.ts';

export type { ProtectResult } from '../repository/protect.ts';

/** Protects a point, or takes its protection back when `wanted` is false. */
export function protectJob(
  access: RepositoryAccess,
  spec: string,
  wanted: boolean,
  options: { readonly dryRun: boolean },
): Promise<ProtectResult> {
  return withRepository(access, (repo) => protectPoint(repo, spec, wanted, options));
}
