import { type VerifyRequest, type VerifyResult, verify } from '../backup/verify.ts';
import { type RepositoryAccess, withReading } from './access.ts';
import { type Job, runJob } from './job.ts';

export type { VerifiedPoint, VerifyRequest, VerifyResult } from '../backup/verify.ts';

/** Reads and checks points; damage is part of the result. */
export function verifyJob(access: RepositoryAccess, request: VerifyRequest, job: Job): Promise<VerifyResult> {
  return runJob(job, (emit, signal) =>
    withReading(access, emit, (repo) => verify(repo, request, emit, signal), { fresh: true, signal }),
  );
}
