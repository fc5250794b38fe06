import { type SynthesisRequest, type SynthesisResult, synthesize } from '../synth/synthesize.ts';
import { type RepositoryAccess, withRepository } from './access.ts';
import { type Job, runJob } from './job.ts';

export type { SynthesisMode } from '../synth/plan.ts';
export type { SynthesisRequest, SynthesisResult } from '../synth/synthesize.ts';

/** Makes a synthetic full of a point, or says what it would be made of. */
export function synthesizeJob(access: RepositoryAccess, request: SynthesisRequest, job: Job): Promise<SynthesisResult> {
  return runJob(job, (emit, signal) =>
    withRepository(access, (repo) => synthesize(repo, request, emit, signal), { emit, signal }),
  );
}
