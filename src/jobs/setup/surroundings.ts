/** What a setup meets on this machine, beside disks: the jobs that are there, and what keeps the time. */
import { dirname, join } from 'node:path';
import { installJob, unitFolder } from '../schedule/install.ts';
import type { Places } from '../schedule/places.ts';
import type { SavedJob } from '../schedule/saved-job.ts';
import { type FoundJobs, listSavedJobs } from '../schedule/saved-jobs.ts';
import { isRunning } from '../schedule/systemctl.ts';
import type { UnitPlace } from './plan.ts';

/** The jobs that are there; `unreadable` says what is wrong with files that are none. */
export function meetJobs(places: Places): Promise<FoundJobs> {
  return listSavedJobs(places.jobs);
}

/** Names of the jobs whose units are there as they would be written now. */
export async function installedJobs(jobs: readonly SavedJob[], units: UnitPlace, places: Places): Promise<Set<string>> {
  const installed = new Set<string>();
  for (const { name, schedule } of jobs) {
    if (schedule === null) continue;
    // What cannot be installed is not; whoever wants to install it hears why.
    const changed = await changesFor(name, units, places).catch(() => null);
    if (changed === 0) installed.add(name);
  }
  return installed;
}

async function changesFor(name: string, units: UnitPlace, places: Places): Promise<number> {
  return (await installJob({ name, ...units, dryRun: true }, places)).changed.length;
}

/** Where units go; `unitDir` for a folder that systemd does not know. */
export function unitPlace(user: boolean, unitDir: string | undefined): UnitPlace {
  return { user, unitDir, folder: unitFolder({ user, unitDir }) };
}

/** Whether a systemd runs that could be told: root's, or the user's own. */
export function keepsTime(user: boolean): Promise<boolean> {
  return isRunning({ user });
}

/** Whether who runs this is root, whose jobs are the machine's. */
export function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/** Where the passphrase lies unless somebody wants it elsewhere: where jobs of that repository find it, or beside the jobs. */
export function usualPasswordFile(location: string, jobs: readonly SavedJob[], places: Places): string {
  const known = jobs.find(({ repository, passwordFile }) => repository === location && passwordFile !== null);
  return known?.passwordFile ?? join(dirname(places.jobs), 'passphrase');
}
