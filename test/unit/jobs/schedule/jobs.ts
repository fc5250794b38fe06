/** Saved jobs for tests. */
import type { SavedJob, Schedule } from '../../../../src/jobs/schedule/saved-job.ts';

export function verifyJobOf(name: string, schedule: Schedule | null, saved = '2026-11-01T00:00:00.000Z'): SavedJob {
  const common = { format: 1, name, repository: '/backup', passwordFile: null, schedule, saved } as const;
  return { ...common, kind: 'verify', settings: { samplePercent: 100 } };
}
