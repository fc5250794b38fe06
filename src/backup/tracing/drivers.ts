/**
 * The drivers dattobd and elastio-snap: kernel modules that follow what is written to a mounted device. They are one
 * design under two names, each with a tool, a document in /proc and devices that show its snapshots.
 *
 * In *snapshot mode* a driver copies what is about to be overwritten into a file of its own on the same file system, and
 * shows the device as it was. In *incremental mode*, in which it rests between backups, it only notes what was written to.
 * Going from there to the next snapshot it writes down in the old file which blocks changed between the two (cow-file.ts).
 */
import { readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { fail, fromSystem, reasonOf } from '../../errors.ts';
import { blockDeviceAt } from '../../repository/devices.ts';
import { runCommand } from '../command.ts';
import { placed } from '../driver-root.ts';
import { type DriverState, parseDriverState, type Tracer } from './driver-state.ts';

export interface TracingDriver {
  readonly name: 'dattobd' | 'elastio-snap';
  /** Of the document that says what it does. */
  readonly state: string;
  readonly tool: string;
  /** What the names of its devices begin with; the number of the tracer follows. */
  readonly device: string;
}

export const dattobd: TracingDriver = {
  name: 'dattobd',
  state: '/proc/datto-info',
  tool: 'dbdctl',
  device: '/dev/datto',
};

export const elastioSnap: TracingDriver = {
  name: 'elastio-snap',
  state: '/proc/elastio-snap-info',
  tool: 'elioctl',
  device: '/dev/elastio-snap',
};

export const tracingDrivers = [dattobd, elastioSnap] as const;

const limit = 120_000;
/** Whoever looks at new devices holds one for a moment only. */
const patience = 10_000;

/** What a driver says of itself; null when it is not loaded. IO when it says what is not understood. */
export async function stateOf({ name, state }: TracingDriver): Promise<DriverState | null> {
  const path = placed(state);
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw fromSystem(error, `cannot read ${path}`);
  });
  if (text === null) return null;
  try {
    return parseDriverState(text);
  } catch (error) {
    throw fail('IO', { what: `cannot tell from ${path} what ${name} does`, reason: reasonOf(error) });
  }
}

/** The tracer of a device; null when nobody follows it. */
export async function tracerOf(driver: TracingDriver, device: string): Promise<Tracer | null> {
  const number = await blockDeviceAt(device);
  for (const tracer of (await stateOf(driver))?.tracers ?? []) {
    if (number !== null && (await blockDeviceAt(tracer.device)) === number) return tracer;
  }
  return null;
}

/** The device that shows the snapshot of a tracer. */
export function snapshotDevice({ device }: TracingDriver, minor: number): string {
  return placed(`${device}${minor}`);
}

/** Has the tool do something; waits while somebody else has the device open. IO when it cannot be done. */
export async function control({ tool }: TracingDriver, words: readonly string[]): Promise<void> {
  for (const until = Date.now() + patience; ; await pause(200)) {
    const { code, trouble } = await runCommand(tool, words, { limit });
    if (code === 0) return;
    if (code !== null && trouble.endsWith('busy') && Date.now() < until) continue;
    throw fail('IO', { what: `${tool} ${words[0]} failed`, reason: trouble.replace(/^driver returned.*info: /, '') });
  }
}

/** What keeps the tool from being used; null: nothing. */
export async function toolTrouble({ tool, name }: TracingDriver): Promise<string | null> {
  const { code, trouble } = await runCommand(tool, ['help'], { limit });
  if (code === 0) return null;
  return code === null && trouble.includes('ENOENT')
    ? `the command ${tool} is missing, which comes with ${name}`
    : trouble;
}
