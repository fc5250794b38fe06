/** The saved jobs of a machine: a folder with one JSON file each. */
import { open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fail, fromSystem, isStrataError } from '../../errors.ts';
import { syncFolderOf } from '../../repository/new-file.ts';
import { createFile, ownerOnly, replaceFile } from './place-file.ts';
import { parseJob, requireJobName, type SavedJob } from './saved-job.ts';

export interface FoundJobs {
  /** By name. */
  readonly jobs: readonly SavedJob[];
  /** What is wrong with files that are no jobs. */
  readonly unreadable: readonly string[];
}

/** The file of a job. */
export function jobPath(folder: string, name: string): string {
  requireJobName(name);
  return join(folder, `${name}.json`);
}

/** The job of this name: JOB_NOT_FOUND, or JOB_UNREADABLE. */
export async function readSavedJob(folder: string, name: string): Promise<SavedJob> {
  const path = jobPath(folder, name);
  return parseJob(path, name, await trustedText(path, name));
}

/** All jobs; one that cannot be read does not hide the others. */
export async function listSavedJobs(folder: string): Promise<FoundJobs> {
  const jobs: SavedJob[] = [];
  const unreadable: string[] = [];
  for (const file of (await namesIn(folder)).sort()) {
    const [, name] = /^([^.].*)\.json$/.exec(file) ?? [];
    if (name === undefined) continue;
    try {
      jobs.push(await readSavedJob(folder, name));
    } catch (error) {
      if (isStrataError(error, 'JOB_NOT_FOUND')) continue; // removed meanwhile
      if (!isStrataError(error)) throw error;
      unreadable.push(error.message);
    }
  }
  return { jobs, unreadable };
}

/** Saves a job; JOB_EXISTS when there is one of its name, unless it is to be replaced. */
export async function writeSavedJob(folder: string, job: SavedJob, options: { replace: boolean }): Promise<void> {
  const path = jobPath(folder, job.name);
  const text = `${JSON.stringify(job, null, 2)}\n`;
  if (options.replace) return replaceFile(path, text, ownerOnly);
  try {
    await createFile(path, text, ownerOnly);
  } catch (error) {
    throw isStrataError(error, 'OBJECT_EXISTS') ? fail('JOB_EXISTS', { job: job.name }, { cause: error }) : error;
  }
}

/** Removes a job, readable or not: JOB_NOT_FOUND when there is none. */
export async function removeSavedJob(folder: string, name: string): Promise<void> {
  const path = jobPath(folder, name);
  try {
    await rm(path);
    await syncFolderOf(path);
  } catch (error) {
    throw notFoundOr(error, name) ?? fromSystem(error, `cannot remove ${path}`);
  }
}

/** The content of a file that nobody else can have written: jobs tell root what to read, and where to put it. */
async function trustedText(path: string, job: string): Promise<string> {
  try {
    const file = await open(path, 'r');
    try {
      const { uid, mode } = await file.stat();
      const ours = uid === 0 || uid === process.getuid?.();
      if (!ours || (mode & 0o022) !== 0) throw fail('JOB_UNREADABLE', { path, reason: 'others can write to it' });
      return await file.readFile('utf8');
    } finally {
      await file.close();
    }
  } catch (error) {
    throw notFoundOr(error, job) ?? fromSystem(error, `cannot read ${path}`);
  }
}

function notFoundOr(error: unknown, job: string) {
  return (error as NodeJS.ErrnoException).code === 'ENOENT' ? fail('JOB_NOT_FOUND', { job }, { cause: error }) : null;
}

async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw fromSystem(error, `cannot read ${folder}`);
  });
}
