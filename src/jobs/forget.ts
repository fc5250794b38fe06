import type { Emit } from '../repository/events.ts';
import { type ForgetResult, forgetPoints } from '../repository/forget.ts';
import { type ForgetByRulesRequest, type ForgetByRulesResult, forgetByRules } from '../repository/forget-by-rules.ts';
import { openZone } from '../repository/periods.ts';
import { checkRules } from '../repository/retention.ts';
import { type RepositoryAccess, withRepository } from './access.ts';

export type { ForgetResult } from '../repository/forget.ts';
export type { ForgetByRulesRequest, ForgetByRulesResult, PlannedPoint } from '../repository/forget-by-rules.ts';

/** Drops points, or says what would go. */
export function forgetJob(
  access: RepositoryAccess,
  specs: readonly string[],
  options: { readonly dryRun: boolean },
): Promise<ForgetResult> {
  return withRepository(access, (repo) => forgetPoints(repo, specs, options));
}

/** Drops the points that no rule keeps, or says what would go. What cannot be used is refused before anything is opened. */
export async function forgetByRulesJob(
  access: RepositoryAccess,
  request: ForgetByRulesRequest,
  emit: Emit,
): Promise<ForgetByRulesResult> {
  checkRules(request.rules);
  openZone(request.timeZone);
  return withRepository(access, (repo) => forgetByRules(repo, request, emit));
}
