import { type CollectionRequest, type CollectionResult, collect } from '../repository/collection/collect.ts';
import { undelete } from '../repository/collection/undelete.ts';
import { type RepositoryAccess, withRepository } from './access.ts';
import { type Job, runJob } from './job.ts';

export type { CollectionRequest, CollectionResult, Tally } from '../repository/collection/collect.ts';

export interface UndeleteResult {
  readonly point: string;
  readonly machine: string;
  readonly disk: string;
  readonly pointTime: string;
}

/** Frees what no point needs, or says what would be freed. */
export function collectJob(access: RepositoryAccess, request: CollectionRequest, job: Job): Promise<CollectionResult> {
  return runJob(job, (emit, signal) =>
    withRepository(access, (repo) => collect(repo, request, emit, signal), { emit, signal }),
  );
}

/** Brings a forgotten point back. */
export function undeleteJob(access: RepositoryAccess, spec: string): Promise<UndeleteResult> {
  return withRepository(access, async (repo) => {
    const { id, machine, disk, time } = await undelete(repo, spec);
    return { point: id, machine, disk, pointTime: time };
  });
}
