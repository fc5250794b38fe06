import { type RepairRequest, type RepairResult, repair } from '../backup/repair.ts';
import { type RepositoryAccess, withRepository } from './access.ts';
import { type Job, runJob } from './job.ts';

export type { DiskToBackUp, Loss, Mended, RepairRequest, RepairResult } from '../backup/repair.ts';

/** Mends what can be mended of a damaged repository, or says what would be. */
export function repairJob(access: RepositoryAccess, request: RepairRequest, job: Job): Promise<RepairResult> {
  return runJob(job, (emit, signal) =>
    withRepository(access, (repo) => repair(repo, request, emit, signal), { fresh: true, emit, signal }),
  );
}
