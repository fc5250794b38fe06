import { type ConsolidationRequest, type ConsolidationResult, consolidate } from '../synth/consolidate.ts';
import { type RepositoryAccess, withRepository } from './access.ts';
import { type Job, runJob } from './job.ts';

export type { ConsolidatedDisk, ConsolidationRequest, ConsolidationResult } from '../synth/consolidate.ts';

/** Applies a consolidation policy, or says what it would do. */
export function consolidateJob(
  access: RepositoryAccess,
  request: ConsolidationRequest,
  job: Job,
): Promise<ConsolidationResult> {
  return runJob(job, (emit, signal) =>
    withRepository(access, (repo) => consolidate(repo, request, emit, signal), { emit, signal }),
  );
}
