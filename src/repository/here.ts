/** Who this process is, and what it can tell about others: the facts by which a lease is known to be dead. */
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

export interface Here {
  readonly host: string;
  /** Tells machines of one name apart; empty when the machine has none. */
  readonly machineId: string;
  /** New with each start of the machine. */
  readonly bootId: string;
  /** Process ids mean something only within it. */
  readonly pidNamespace: string;
  readonly pid: number;
  /** When a process started, in ticks since boot: with the pid it is unique; null when there is none. */
  startOf(pid: number): string | null;
  now(): number;
}

/** The facts about this process. */
export function thisProcess(): Here {
  return {
    host: hostname(),
    machineId: firstLine('/etc/machine-id') ?? '',
    bootId: firstLine('/proc/sys/kernel/random/boot_id') ?? '',
    pidNamespace: readlinkSync('/proc/self/ns/pid'),
    pid: process.pid,
    startOf: startOfProcess,
    now: Date.now,
  };
}

function startOfProcess(pid: number): string | null {
  const line = firstLine(`/proc/${pid}/stat`);
  // The second field is the command in parentheses and may itself hold spaces and parentheses.
  return line?.slice(line.lastIndexOf(')') + 2).split(' ')[19] ?? null;
}

function firstLine(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').split('\n', 1)[0] ?? null;
  } catch {
    return null;
  }
}
