/** Other processes, as /proc shows them. They come and go while they are looked at. */
import { readdir, readFile } from 'node:fs/promises';
import type { Here } from '../repository/here.ts';

/** What tells a process from all others of this start of the machine. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Ticks since boot. */
  readonly start: string;
  readonly pidNamespace: string;
}

/** Who this process is. */
export function identityOf(here: Here): ProcessIdentity {
  return { pid: here.pid, start: here.startOf(here.pid) ?? '', pidNamespace: here.pidNamespace };
}

const clientVariable = 'STRATA_CLIENT';

/** What a process in the background must have in its environment to know for whom it works: he may die at once. */
export function clientEnvironment(here: Here): NodeJS.ProcessEnv {
  const { pid, start, pidNamespace } = identityOf(here);
  return { [clientVariable]: [pid, start, pidNamespace].join(' ') };
}

/** For whom this process works: who started it in the background, else its parent; null when that cannot be seen. */
export function clientOf(here: Here, env: NodeJS.ProcessEnv = process.env): ProcessIdentity | null {
  const [pid, start, pidNamespace] = env[clientVariable]?.split(' ') ?? [];
  if (start !== undefined && pidNamespace !== undefined) return { pid: Number(pid), start, pidNamespace };
  const parent = { pid: process.ppid, start: here.startOf(process.ppid), pidNamespace: here.pidNamespace };
  return parent.start === null ? null : { ...parent, start: parent.start };
}

/** Whether a process is gone for certain. One of another container cannot be seen from here: it counts as alive. */
export async function isGone(process: ProcessIdentity, here: Here): Promise<boolean> {
  if (process.pidNamespace !== here.pidNamespace) return false;
  if (here.startOf(process.pid) !== process.start) return true;
  const status = (await procText(process.pid, 'status')) ?? '';
  // A killed process that nobody has waited for yet still has its pid. While one of its threads waits for a disk, its
  // files are open and locked.
  return /^State:\s[ZX]/m.test(status) && (await threadsOf(process.pid)) <= 1;
}

async function threadsOf(pid: number): Promise<number> {
  return (await readdir(`/proc/${pid}/task`).catch(() => [])).length;
}

/** Ids of all processes. */
export async function processIds(): Promise<number[]> {
  return (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
}

/** Name of the command that a process runs. */
export async function commandOf(pid: number): Promise<string> {
  return (await procText(pid, 'comm'))?.trimEnd() ?? '?';
}

/** A file of /proc/PID; null when the process is gone or not ours to look at. */
export async function procText(pid: number, name: string): Promise<string | null> {
  return readFile(`/proc/${pid}/${name}`, 'utf8').catch(() => null);
}
