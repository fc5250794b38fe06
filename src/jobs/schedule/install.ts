/**
 * Installing a job: its units are written and systemd is told. What is there already and not ours is never touched;
 * doing it again changes nothing.
 */

import { constants } from 'node:fs';
import { access, readFile, realpath, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fail, fromSystem } from '../../errors.ts';
import { syncFolderOf } from '../../repository/new-file.ts';
import { readable, replaceFile } from './place-file.ts';
import { type Places, schedulePlaces } from './places.ts';
import { requireJobName, type SavedJob, type Schedule } from './saved-job.ts';
import { readSavedJob } from './saved-jobs.ts';
import { isRunning, systemctl } from './systemctl.ts';
import { isUnitOf, type ServiceEnvironment, type Unit, unitNames, unitsOf } from './units.ts';

export interface InstallRequest {
  readonly name: string;
  /** The user's own systemd, in place of the machine's. */
  readonly user: boolean;
  /** Where to write the units; then systemd is not told of them. */
  readonly unitDir: string | undefined;
  readonly dryRun: boolean;
}

export interface InstallResult {
  readonly dryRun: boolean;
  readonly folder: string;
  readonly units: readonly Unit[];
  /** Files that were written, or removed. */
  readonly changed: readonly string[];
  /** Whether systemd knows. */
  readonly told: boolean;
  /** Why it does not, and what to run. */
  readonly warning: string | null;
}

/** Writes the units of a job and starts its timer. */
export async function installJob(request: InstallRequest, places: Places): Promise<InstallResult> {
  const { name, dryRun } = request;
  const folder = unitFolder(request);
  const job = await readSavedJob(places.jobs, name);
  if (job.schedule === null) {
    throw fail('USAGE', { problem: `job ${name} has no schedule: give it one with strata job add --replace` });
  }
  const units = await unitsFor(job, job.schedule);
  const changed: string[] = [];
  for (const { name: file, text } of units) {
    const path = join(folder, file);
    if ((await ourText(path, name)) !== text) changed.push(path);
  }
  if (dryRun) return { dryRun, folder, units, changed, told: false, warning: null };
  for (const { name: file, text } of units) {
    if (changed.includes(join(folder, file))) await replaceFile(join(folder, file), text, readable);
  }
  const { service, timer } = unitNames(name);
  const steps = [['daemon-reload'], ['enable', '--now', timer]];
  // A timer that runs goes on with the old times.
  if (changed.includes(join(folder, timer))) steps.push(['restart', timer]);
  const link = request.unitDir === undefined ? [] : [['link', join(folder, service), join(folder, timer)]];
  return { dryRun, folder, units, changed, ...(await tell(request, steps, [...link, ...steps.slice(0, 2)])) };
}

/** The units that would be written for a job: CALENDAR_UNSUITABLE, LAUNCHER_UNSUITABLE. */
export async function unitsFor(job: SavedJob, schedule: Schedule): Promise<Unit[]> {
  return unitsOf(job, schedule, await serviceEnvironment(), Date.now());
}

/** Removes the units of a job, which may itself be gone. */
export async function uninstallJob(request: InstallRequest): Promise<InstallResult> {
  const { name, dryRun } = request;
  requireJobName(name);
  const folder = unitFolder(request);
  const { service, timer } = unitNames(name);
  const units: Unit[] = [];
  for (const file of [timer, service]) {
    const text = await ourText(join(folder, file), name);
    if (text !== null) units.push({ name: file, text });
  }
  const changed = units.map(({ name: file }) => join(folder, file));
  if (dryRun || changed.length === 0) return { dryRun, folder, units, changed, told: false, warning: null };
  const before = await tell(request, [['disable', '--now', timer]], [['disable', '--now', timer]]);
  // The stamp by which systemd would take runs for missed when the job is installed again; there may be none.
  if (before.told) await systemctl(request, ['clean', '--what=state', timer]);
  for (const path of changed) await removeFile(path);
  const after = await tell(request, [['daemon-reload']], [['disable', '--now', timer], ['daemon-reload']]);
  return {
    dryRun,
    folder,
    units,
    changed,
    told: after.told,
    warning: before.warning === null ? after.warning : before.warning,
  };
}

/** Where the units of a job are installed; null when they are not. Looks where systemd does, for this user. */
export async function installedAt(job: string): Promise<string | null> {
  for (const user of [false, true]) {
    const path = join(unitFolder({ user, unitDir: undefined }), unitNames(job).timer);
    const text = await textOf(path).catch(() => null);
    if (text !== null && isUnitOf(job, text)) return path;
  }
  return null;
}

/** Whether the units that are installed are not those of the job as it is now. */
export async function isStale(job: SavedJob): Promise<boolean> {
  const path = await installedAt(job.name);
  if (path === null) return false;
  if (job.schedule === null) return true;
  const units = await unitsFor(job, job.schedule);
  return (await textOf(path)) !== units.find(({ name }) => path.endsWith(name))?.text;
}

/** Where units are written. */
export function unitFolder({ user, unitDir }: Pick<InstallRequest, 'user' | 'unitDir'>): string {
  if (unitDir !== undefined) return resolve(unitDir);
  if (!user) return '/etc/systemd/system';
  return join(process.env.XDG_CONFIG_HOME || join(homedir(), '.config'), 'systemd/user');
}

/** How systemd starts this program, in an environment that is not ours. */
async function serviceEnvironment(): Promise<ServiceEnvironment> {
  const program = await realpath(process.argv[1] ?? '');
  // A checkout has a launcher, which finds the Node that belongs to it.
  const launcher = join(dirname(program), '../strata');
  const found = await access(launcher, constants.X_OK).then(
    () => true,
    () => false,
  );
  const given = schedulePlaces();
  const usual = schedulePlaces({});
  const variables = {
    ...(given.jobs !== usual.jobs ? { STRATA_CONFIG_DIR: given.jobs } : {}),
    ...(given.runs !== usual.runs ? { STRATA_STATE_DIR: given.runs } : {}),
    ...(process.env.STRATA_NODE && found ? { STRATA_NODE: resolve(process.env.STRATA_NODE) } : {}),
  };
  return { launcher: found ? [launcher] : [process.execPath, program], variables };
}

/** Has systemd take `steps`; `advice` is what to run when it cannot be told. */
async function tell(
  { user, unitDir }: InstallRequest,
  steps: readonly (readonly string[])[],
  advice: readonly (readonly string[])[],
): Promise<{ told: boolean; warning: string | null }> {
  const run = advice.map((words) => ['systemctl', ...(user ? ['--user'] : []), ...words].join(' ')).join(' && ');
  if (unitDir !== undefined) {
    return { told: false, warning: `systemd was not told, as --unit-dir names a folder of your own; run: ${run}` };
  }
  if (!(await isRunning({ user }))) {
    return { told: false, warning: `systemd does not run here, so it was not told; where it does, run: ${run}` };
  }
  for (const words of steps) {
    const complaint = await systemctl({ user }, words);
    if (complaint !== null) return { told: false, warning: `${complaint}; when that is mended, run: ${run}` };
  }
  return { told: true, warning: null };
}

/** The text of a unit that is ours; null when there is no such file, UNIT_FOREIGN when it is somebody else's. */
async function ourText(path: string, job: string): Promise<string | null> {
  const text = await textOf(path);
  if (text !== null && !isUnitOf(job, text)) throw fail('UNIT_FOREIGN', { path });
  return text;
}

async function textOf(path: string): Promise<string | null> {
  return readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw fromSystem(error, `cannot read ${path}`);
  });
}

async function removeFile(path: string): Promise<void> {
  try {
    await rm(path, { force: true });
    await syncFolderOf(path);
  } catch (error) {
    throw fromSystem(error, `cannot remove ${path}`);
  }
}
