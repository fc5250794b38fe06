/** The files that a plan will write: what will be in them, and whether anything stands in their way. */
import { readFile } from 'node:fs/promises';
import { fail, fromSystem } from '../../errors.ts';
import { unitsFor } from '../schedule/install.ts';
import { isUnitOf } from '../schedule/units.ts';
import type { SetupPlan } from './plan.ts';
import { recoverySheet, sheetHead } from './recovery-sheet.ts';

export interface PlannedFile {
  readonly path: string;
  /** Null for a secret. */
  readonly text: string | null;
}

/** All files, in the order of the steps. USAGE, UNIT_FOREIGN, CALENDAR_UNSUITABLE for one that cannot be written. */
export async function plannedFiles(plan: SetupPlan): Promise<PlannedFile[]> {
  const files: PlannedFile[] = [];
  for (const step of plan.steps) {
    if (step.kind === 'keys') files.push({ path: step.path, text: null });
    else if (step.kind === 'passphrase') {
      if ((await textOf(step.path)) !== null) throw fail('USAGE', { problem: takenPassphrase(step.path) });
      files.push({ path: step.path, text: null });
    } else if (step.kind === 'job') files.push({ path: step.path, text: `${JSON.stringify(step.job, null, 2)}\n` });
    else if (step.kind === 'units') files.push(...(await unitFiles(step.job, step.paths, plan)));
    else if (step.kind === 'sheet') {
      await requireOurSheet(step.path);
      files.push({ path: step.path, text: recoverySheet(plan, plan.existing, new Date().toISOString()) });
    }
  }
  return files;
}

/** USAGE for a file that is something else than a sheet. */
export async function requireOurSheet(path: string): Promise<void> {
  const text = await textOf(path);
  if (text === null || text.startsWith(sheetHead)) return;
  throw fail('USAGE', { problem: `${path} is no recovery sheet; name another file by --recovery-sheet` });
}

/** What is in a file; null when it is not there. */
export async function textOf(path: string): Promise<string | null> {
  return readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw fromSystem(error, `cannot read ${path}`);
  });
}

function takenPassphrase(path: string): string {
  return `${path} is there already, with something else; name another file by --password-file`;
}

async function unitFiles(name: string, paths: readonly string[], { jobs }: SetupPlan): Promise<PlannedFile[]> {
  const job = jobs.find((other) => other.name === name);
  if (job === undefined || job.schedule === null) return [];
  const files: PlannedFile[] = [];
  for (const [at, { text }] of (await unitsFor(job, job.schedule)).entries()) {
    const path = paths[at] ?? '';
    const before = await textOf(path);
    if (before !== null && !isUnitOf(name, before)) throw fail('UNIT_FOREIGN', { path });
    files.push({ path, text });
  }
  return files;
}
