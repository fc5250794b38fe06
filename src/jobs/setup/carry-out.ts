/**
 * Carries a plan out, step by step. When a step fails, or somebody stops it, what was written is taken back, the last
 * first. Only a repository stays once it is made, with what unlocks it: nothing of Strata's ever removes a repository.
 * What stayed is said, and the next setup uses it.
 */
import { reasonOf } from '../../errors.ts';
import { removeQuietly } from '../../repository/new-file.ts';
import { initJob } from '../init.ts';
import { installJob, uninstallJob } from '../schedule/install.ts';
import { createFile, ownerOnly, readable, replaceFile } from '../schedule/place-file.ts';
import type { Places } from '../schedule/places.ts';
import { writeSavedJob } from '../schedule/saved-jobs.ts';
import { isRunning, systemctl } from '../schedule/systemctl.ts';
import { unitNames } from '../schedule/units.ts';
import { requireOurSheet, textOf } from './files.ts';
import type { SetupPlan, SetupStep } from './plan.ts';
import { recoverySheet } from './recovery-sheet.ts';
import { type StorageKeys, withStorageKeys } from './storage-keys.ts';

/** What is written, but never shown. */
export interface Secrets {
  /** Null for a repository without one. */
  readonly passphrase: string | null;
  /** Null when none are saved. */
  readonly keys: StorageKeys | null;
}

export interface SetupResult {
  /** Id of the repository. */
  readonly id: string;
  /** Files and the repository, as they were written. */
  readonly written: readonly string[];
  readonly warnings: readonly string[];
}

interface Task {
  readonly plan: SetupPlan;
  readonly secrets: Secrets;
  readonly places: Places;
  readonly warn: (message: string) => void;
  id: string | null;
}

/** A step that was taken: what it wrote, and how that is taken back; null: it stays. */
interface Taken {
  readonly wrote: readonly string[];
  readonly undo: (() => Promise<void>) | null;
}

/** Takes all steps. `left` hears what stays when it fails; then the failure is thrown on. */
export async function carryOut(
  plan: SetupPlan,
  secrets: Secrets,
  places: Places,
  { signal, left }: { readonly signal: AbortSignal; readonly left: (message: string) => void },
): Promise<SetupResult> {
  const warnings: string[] = [];
  const task: Task = { plan, secrets, places, warn: (message) => warnings.push(message), id: plan.existing };
  let taken: Taken[] = [];
  try {
    for (const step of plan.steps) {
      signal.throwIfAborted();
      taken.push(await take(step, task));
      // What unlocks the repository belongs to it from now on.
      if (step.kind === 'repository') taken = taken.map((before) => ({ ...before, undo: null }));
    }
  } catch (error) {
    left(await takeBack(taken));
    throw error;
  }
  return { id: task.id ?? '', written: taken.flatMap(({ wrote }) => wrote), warnings };
}

function take(step: SetupStep, task: Task): Promise<Taken> {
  switch (step.kind) {
    case 'keys':
      return saveKeys(step.path, task);
    case 'passphrase':
      return writeSecret(step.path, `${task.secrets.passphrase}\n`);
    case 'repository':
      return makeRepository(step, task);
    case 'job':
      return saveJob(step, task);
    case 'units':
      return installUnits(step, task);
    case 'sheet':
      return writeSheet(step.path, task);
  }
}

async function saveKeys(path: string, { secrets }: Task): Promise<Taken> {
  if (secrets.keys === null) return { wrote: [], undo: null };
  const before = await textOf(path);
  await replaceFile(path, await withStorageKeys(path, secrets.keys), ownerOnly);
  return { wrote: [path], undo: () => putBack(path, before, ownerOnly) };
}

async function writeSecret(path: string, text: string): Promise<Taken> {
  await createFile(path, text, ownerOnly);
  return { wrote: [path], undo: () => removeQuietly(path) };
}

async function makeRepository(step: SetupStep & { kind: 'repository' }, task: Task): Promise<Taken> {
  const { location, encryption } = step;
  const passphrase = async () => task.secrets.passphrase ?? '';
  const { storage } = task.plan;
  const wanted = { location, storage, blockSize: undefined, encryption, lock: null };
  const { id } = await initJob({ ...wanted, passphrase, dryRun: false });
  task.id = id;
  return { wrote: [location], undo: null };
}

async function saveJob({ path, job, instead }: SetupStep & { kind: 'job' }, { places }: Task): Promise<Taken> {
  const before = await textOf(path);
  await writeSavedJob(places.jobs, job, { replace: instead !== null });
  return { wrote: [path], undo: () => putBack(path, before, ownerOnly) };
}

async function installUnits(
  { job, place, paths }: SetupStep & { kind: 'units' },
  { places, warn }: Task,
): Promise<Taken> {
  const request = { name: job, ...place, dryRun: false };
  const before = await Promise.all(paths.map(textOf));
  const undo = async () => {
    if (before.every((text) => text === null)) return void (await uninstallJob(request));
    for (const [at, path] of paths.entries()) await putBack(path, before[at] ?? null, readable);
    if (place.unitDir !== undefined || !(await isRunning(place))) return;
    for (const words of [['daemon-reload'], ['restart', unitNames(job).timer]]) await systemctl(place, words);
  };
  try {
    const { changed, warning } = await installJob(request, places);
    if (warning !== null) warn(warning);
    return { wrote: changed, undo: changed.length === 0 ? null : undo };
  } catch (error) {
    await undo().catch(() => undefined); // it has failed already, and says why
    throw error;
  }
}

async function writeSheet(path: string, { plan, id }: Task): Promise<Taken> {
  await requireOurSheet(path);
  const before = await textOf(path);
  await replaceFile(path, recoverySheet(plan, id, new Date().toISOString()), ownerOnly);
  return { wrote: [path], undo: () => putBack(path, before, ownerOnly) };
}

/** Takes back what can be, and says what stays. */
async function takeBack(taken: readonly Taken[]): Promise<string> {
  const stays: string[] = [];
  for (const { wrote, undo } of taken.toReversed()) {
    if (undo === null) {
      stays.unshift(...wrote);
      continue;
    }
    await undo().catch((error: unknown) => stays.unshift(`${wrote.join(', ')} (not removed: ${reasonOf(error)})`));
  }
  if (stays.length === 0) return 'nothing was written that stays';
  return `what was made stays, and the next setup uses it: ${stays.join(', ')}; all else was taken back`;
}

async function putBack(path: string, before: string | null, mode: number): Promise<void> {
  if (before === null) await removeQuietly(path);
  else await replaceFile(path, before, mode);
}
