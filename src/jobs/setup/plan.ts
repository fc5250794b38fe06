/**
 * A first configuration as a plan: from what was chosen, and what is there already, to the steps that will be taken, in
 * their order. Pure, so that every face can show all that will be written before anything is.
 *
 * What unlocks the repository is written before the repository, and that before the jobs that use it: broken off
 * anywhere, nothing is locked away, and doing it again uses what is there.
 */
import { join } from 'node:path';
import { orderOf } from '../../backup/request.ts';
import type { RetentionRules } from '../../repository/retention.ts';
import type { StorageSettings } from '../../repository/stores/settings.ts';
import type { JobSettings } from '../schedule/add.ts';
import { jobOf } from '../schedule/add.ts';
import type { SavedJob, Schedule } from '../schedule/saved-job.ts';
import { jobPath } from '../schedule/saved-jobs.ts';
import { unitNames } from '../schedule/units.ts';

export interface ChosenDisk {
  readonly source: string;
  readonly machine: string;
  readonly disk: string;
}

export interface SetupChoices {
  readonly location: string;
  readonly storage: StorageSettings;
  /** Id of the repository that is used; null: one is made. */
  readonly existing: string | null;
  readonly encryption: boolean;
  /** Where jobs find the passphrase; null for a repository without one. */
  readonly passwordFile: string | null;
  /** Whether that file is yet to be written. */
  readonly writePassphrase: boolean;
  /** File of the AWS tools that the keys are added to; null: none is. */
  readonly keysFile: string | null;
  readonly disks: readonly ChosenDisk[];
  /** Of the backups; null: they are run by hand. */
  readonly schedule: Schedule | null;
  /** Of the rules and the consolidation. */
  readonly timeZone: string;
  /** Null: all points stay. */
  readonly keep: RetentionRules | null;
  /** Null: chains grow, and nothing is freed. */
  readonly consolidation: { readonly maxChain: number; readonly schedule: Schedule | null } | null;
  /** Where systemd's units are written; null: they are not. */
  readonly units: UnitPlace | null;
  /** File of the recovery sheet; null: none is written. */
  readonly sheet: string | null;
  /** Names of jobs that may be put in place of those that are there. */
  readonly replace: (job: string) => boolean;
}

export interface UnitPlace {
  readonly user: boolean;
  /** A folder of its own, of which systemd is not told; undefined: systemd's. */
  readonly unitDir: string | undefined;
  /** The folder that follows from these. */
  readonly folder: string;
}

/** What is there already. */
export interface Surroundings {
  /** Folder of the saved jobs. */
  readonly jobsFolder: string;
  readonly jobs: readonly SavedJob[];
  /** Names of jobs whose units are there as they would be written. */
  readonly installed: ReadonlySet<string>;
}

export type SetupStep =
  | { readonly kind: 'keys'; readonly path: string }
  | { readonly kind: 'passphrase'; readonly path: string }
  | { readonly kind: 'repository'; readonly location: string; readonly encryption: boolean }
  | { readonly kind: 'job'; readonly path: string; readonly job: SavedJob; readonly instead: SavedJob | null }
  | { readonly kind: 'units'; readonly job: string; readonly place: UnitPlace; readonly paths: readonly string[] }
  | { readonly kind: 'sheet'; readonly path: string };

/** A job of that name is there: the same one, or another that stays. */
export interface KeptJob {
  readonly name: string;
  readonly same: boolean;
}

export interface SetupPlan {
  readonly location: string;
  readonly storage: StorageSettings;
  /** Id of the repository that is used; null: one is made. */
  readonly existing: string | null;
  readonly passwordFile: string | null;
  readonly steps: readonly SetupStep[];
  readonly kept: readonly KeptJob[];
  /** The jobs that there will be for this configuration. */
  readonly jobs: readonly SavedJob[];
  /** Names of those that have a schedule, which nothing will keep. */
  readonly unkept: readonly string[];
}

/** A job that is wished for, and the one of its name that is there. */
export interface WishedJob {
  readonly job: SavedJob;
  readonly instead: SavedJob | null;
  /** Whether they mean the same. */
  readonly same: boolean;
}

const day = 86_400_000;

/** USAGE unless a machine can be called so. */
export function requireMachineName(machine: string): void {
  orderOf({ source: 'any', machine });
}

/** The steps: USAGE for choices of which no job can be made. */
export function planSetup(choices: SetupChoices, surroundings: Surroundings): SetupPlan {
  const { location, storage, existing, encryption, passwordFile, writePassphrase, keysFile, units, sheet } = choices;
  const wished = wishedJobs(choices, surroundings.jobs);
  const steps: SetupStep[] = [];
  if (keysFile !== null) steps.push({ kind: 'keys', path: keysFile });
  if (passwordFile !== null && writePassphrase) steps.push({ kind: 'passphrase', path: passwordFile });
  if (existing === null) steps.push({ kind: 'repository', location, encryption });
  const jobs: SavedJob[] = [];
  const kept: KeptJob[] = [];
  for (const { job, instead, same } of wished) {
    const stays = instead !== null && (same || !choices.replace(job.name));
    jobs.push(stays ? instead : job);
    if (stays) kept.push({ name: job.name, same });
    else steps.push({ kind: 'job', path: jobPath(surroundings.jobsFolder, job.name), job, instead });
  }
  for (const { name, schedule } of jobs) {
    const before = kept.find((other) => other.name === name);
    if (units === null || schedule === null || before?.same === false) continue;
    if (before?.same && surroundings.installed.has(name)) continue;
    const { service, timer } = unitNames(name);
    const paths = [service, timer].map((unit) => join(units.folder, unit));
    steps.push({ kind: 'units', job: name, place: units, paths });
  }
  if (sheet !== null) steps.push({ kind: 'sheet', path: sheet });
  const started = steps.flatMap((step) => (step.kind === 'units' ? [step.job] : []));
  const timed = new Set([...started, ...surroundings.installed]);
  const unkept = jobs.filter(({ name, schedule }) => schedule !== null && !timed.has(name)).map(({ name }) => name);
  return { location, storage, existing, passwordFile, steps, kept, jobs, unkept };
}

/** The jobs that the choices ask for, each beside the one of its name that is there. */
export function wishedJobs(choices: SetupChoices, there: readonly SavedJob[]): WishedJob[] {
  const { location, storage, passwordFile, timeZone, disks, schedule, keep, consolidation } = choices;
  const taken = new Set<string>();
  const common = { location, storage, passwordFile: passwordFile ?? undefined };
  const wish = (title: string, when: Schedule | null, settings: JobSettings): WishedJob => {
    const name = freeName(title, location, there, taken);
    taken.add(name);
    const every = when !== null && 'every' in when ? when.every : undefined;
    const calendar = when !== null && 'calendar' in when ? when.calendar : undefined;
    const usesZone = calendar !== undefined || ('keep' in settings && settings.keep !== null);
    const zone = usesZone ? timeZone : undefined;
    const job = jobOf({ name, ...common, every, calendar, timeZone: zone, settings });
    const instead = there.find((other) => other.name === name) ?? null;
    return { job, instead, same: instead !== null && meansTheSame(job, instead) };
  };
  const backups = disks.map((chosen) =>
    wish(`backup-${chosen.disk}`, schedule, {
      kind: 'backup',
      ...chosen,
      snapshot: undefined,
      tracker: undefined,
      type: undefined,
      tags: undefined,
      // The consolidation forgets, and frees at once what that leaves.
      keep: consolidation === null ? keep : null,
    }),
  );
  if (consolidation === null) return backups;
  const { maxChain } = consolidation;
  const only = disks.map(({ machine, disk }) => ({ machine, disk }));
  const policy = { disks: only, maxChain, fullEvery: null, mode: 'reference', grace: day, maxUnused: null } as const;
  return [...backups, wish('consolidate', consolidation.schedule, { kind: 'consolidate', keep, ...policy })];
}

/** The name for a job; with a number where a job of another repository has it. */
function freeName(title: string, location: string, there: readonly SavedJob[], taken: ReadonlySet<string>): string {
  const base = title
    .toLowerCase()
    .replace(/[^a-z0-9\-_.]+/g, '-')
    .slice(0, 58);
  for (let number = 1; ; number++) {
    const name = number === 1 ? base : `${base}-${number}`;
    const other = there.find((job) => job.name === name);
    if (!taken.has(name) && (other === undefined || other.repository === location)) return name;
  }
}

/** When a job was saved makes no difference. */
function meansTheSame(job: SavedJob, other: SavedJob): boolean {
  return JSON.stringify({ ...job, saved: '' }) === JSON.stringify({ ...other, saved: '' });
}
