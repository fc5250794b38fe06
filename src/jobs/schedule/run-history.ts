/**
 * The history of all saved jobs: a folder a job, a file a run, named after its start, so that the newest are found
 * without reading any other. The history of a job that is removed stays.
 */
import { randomBytes } from 'node:crypto';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fail, fromSystem, isStrataError } from '../../errors.ts';
import { identityOf } from '../../mount/processes.ts';
import type { Here } from '../../repository/here.ts';
import { createFile, ownerOnly, replaceFile } from './place-file.ts';
import { interrupted, type RunEnd, type RunRecord, runSchema, settled } from './run-record.ts';

/** So many runs of a job are kept. */
export const historyLength = 1000;

/** A clock that was set back by more than this was wrong when it told a later time. */
const believable = 86_400_000;

export interface FoundRuns {
  /** Newest first. */
  readonly runs: readonly RunRecord[];
  /** What is wrong with files that are no records. */
  readonly unreadable: readonly string[];
}

type Subject = Pick<RunRecord, 'job' | 'kind'>;

/** Records that a run begins. Only who holds the lock of the job may. */
export async function beginRun(folder: string, subject: Subject, here: Here): Promise<RunRecord> {
  const record = newRecord(subject, here.now(), here);
  await createFile(pathOf(folder, record), textOf(record), ownerOnly);
  return record;
}

/** Records how a run ended, and forgets the oldest ones of the job. */
export async function endRun(folder: string, begun: RunRecord, end: RunEnd, here: Here): Promise<RunRecord> {
  const now = here.now();
  const seconds = Math.max(0, now - Date.parse(begun.started)) / 1000;
  const record = { ...begun, ...end, finished: new Date(now).toISOString(), seconds };
  await replaceFile(pathOf(folder, record), textOf(record), ownerOnly);
  // After a clock that was years ahead, this one may be the oldest by its name.
  const others = (await runNames(join(folder, begun.job))).filter((name) => name !== nameOf(record));
  for (const name of others.slice(historyLength - 1)) await rm(join(folder, begun.job, name), { force: true });
  return record;
}

/** Records that a job was due at `due` (milliseconds) and nothing ran it. */
export async function recordMissed(folder: string, subject: Subject, due: number, here: Here): Promise<RunRecord> {
  const begun = newRecord(subject, due, here);
  const { code, message } = fail('RUN_MISSED', { job: subject.job, due: begun.started });
  const record: RunRecord = { ...begun, outcome: 'missed', finished: begun.started, error: { code, message } };
  await createFile(pathOf(folder, record), textOf(record), ownerOnly);
  return record;
}

/** Writes down of runs that were killed that they were. Only who holds the lock of the job may. */
export async function settleKilled(folder: string, job: string): Promise<void> {
  for (const name of await runNames(join(folder, job))) {
    const record = await readRun(folder, job, name).catch(passUnreadable);
    if (record?.outcome === 'running') {
      await replaceFile(pathOf(folder, record), textOf(interrupted(record)), ownerOnly);
    }
    // Whoever ran the job after a killed run has come by here: nothing older can be open.
    else if (record !== null) break;
  }
}

/** The runs of one job or of all, newest first. */
export async function listRuns(
  folder: string,
  { job, limit }: { readonly job: string | undefined; readonly limit: number },
  here: Here,
): Promise<FoundRuns> {
  const jobs = job === undefined ? await namesIn(folder) : [job];
  const all: { readonly job: string; readonly name: string }[] = [];
  for (const each of jobs) all.push(...(await runNames(join(folder, each))).map((name) => ({ job: each, name })));
  all.sort((a, b) => (a.name < b.name ? 1 : -1));
  const runs: RunRecord[] = [];
  const unreadable: string[] = [];
  for (const { job: each, name } of all) {
    if (runs.length === limit) break;
    try {
      const record = await readRun(folder, each, name);
      if (record !== null) runs.push(await settled(record, here));
    } catch (error) {
      if (!isStrataError(error)) throw error;
      unreadable.push(error.message);
    }
  }
  return { runs, unreadable };
}

/**
 * The last run of a job, whatever came of it. A start up to a day ahead of the clock is believed: it was set back. One
 * further ahead is not, for the job would wait for that time.
 */
export async function lastRun(folder: string, job: string, here: Here): Promise<RunRecord | null> {
  for (const name of await runNames(join(folder, job))) {
    const record = await readRun(folder, job, name).catch(passUnreadable);
    if (record === null || record.outcome === 'missed') continue;
    if (Date.parse(record.started) <= here.now() + believable) return settled(record, here);
  }
  return null;
}

function newRecord(subject: Subject, started: number, here: Here): RunRecord {
  return {
    format: 1,
    id: randomBytes(4).toString('hex'),
    ...subject,
    started: new Date(started).toISOString(),
    finished: null,
    outcome: 'running',
    seconds: null,
    bytesRead: 0,
    bytesStored: 0,
    point: null,
    warnings: [],
    error: null,
    process: { ...identityOf(here), bootId: here.bootId },
  };
}

function pathOf(folder: string, record: RunRecord): string {
  return join(folder, record.job, nameOf(record));
}

/** `20261121T133415123Z-0123abcd.json`: names in order of time. */
function nameOf({ started, id }: RunRecord): string {
  return `${started.replaceAll(/[-:.]/g, '')}-${id}.json`;
}

function textOf(record: RunRecord): string {
  return `${JSON.stringify(record, null, 2)}\n`;
}

/** Names of the records of a job, newest first. */
async function runNames(folder: string): Promise<string[]> {
  const names = (await namesIn(folder)).filter((name) => /^\d{8}T\d{9}Z-[0-9a-f]{8}\.json$/.test(name));
  return names.sort().reverse();
}

async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return [];
    throw fromSystem(error, `cannot read ${folder}`);
  });
}

/** A record; null when it has just been removed, RECORD_UNREADABLE when it is none. */
async function readRun(folder: string, job: string, name: string): Promise<RunRecord | null> {
  const path = join(folder, job, name);
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw fromSystem(error, `cannot read ${path}`);
  });
  if (text === null) return null;
  try {
    return runSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw fail('RUN_UNREADABLE', { path }, { cause });
  }
}

/** What is listed as unreadable must not keep a job from running. */
function passUnreadable(error: unknown): null {
  if (isStrataError(error, 'RUN_UNREADABLE')) return null;
  throw error;
}
