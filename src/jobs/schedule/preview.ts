/** What the rules of a job come to, before it is saved. */
import type { Emit } from '../../repository/events.ts';
import type { RepositoryAccess } from '../access.ts';
import { findWholeDisks } from '../setup/disks.ts';
import { previewLines } from '../setup/preview.ts';
import { type PreviewedDisk, previewExisting } from '../setup/preview-existing.ts';
import type { SavedJob } from './saved-job.ts';

export interface JobPreview {
  /** Of points that are yet to be made, for people; none of a job that runs by hand, or makes none. */
  readonly preview: readonly string[];
  /** Of points that are there. */
  readonly existing: readonly PreviewedDisk[];
}

export async function previewJob(job: SavedJob, access: RepositoryAccess, emit: Emit): Promise<JobPreview> {
  if (job.kind === 'verify') return { preview: [], existing: [] };
  const { keep } = job.settings;
  const { timeZone, ...rules } = keep ?? { timeZone: 'UTC' };
  const makes = job.kind !== 'consolidate';
  return {
    preview: makes ? previewLines(keep && rules, job.schedule, timeZone) : [],
    existing: keep === null ? [] : await previewExisting(access, { rules, timeZone, disks: await disksOf(job) }, emit),
  };
}

/** The disks whose points its rules are for; null: all. */
async function disksOf(job: Exclude<SavedJob, { kind: 'verify' }>) {
  if (job.kind === 'consolidate') return job.settings.disks;
  const { machine } = job.settings;
  if (job.kind === 'backup') return [{ machine, disk: job.settings.disk }];
  const disks = job.settings.disks ?? (await findWholeDisks());
  return disks.map(({ disk }) => ({ machine, disk }));
}
