/**
 * Snapshots and clones of ZFS, as its command `zfs` tells of them and makes them.
 *
 * All that Strata makes has the user property `strata:snapshot`, whose value is the id in its name. A snapshot has a hold
 * for each of its users, `strata-ID`: so others do not destroy it by a pattern of names, and two disks in one dataset can
 * have one in common. The last one that lets go of it destroys it.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { fail } from '../../errors.ts';
import { runCommand } from '../command.ts';

export interface ZfsSnapshot {
  /** `pool/dataset@name`. */
  readonly name: string;
  /** Of each snapshot another one, in all pools. */
  readonly guid: string;
  /** The transaction of the pool in which it was made. */
  readonly txg: string;
  /** The id that it was made for; null: it is not ours. */
  readonly madeFor: string | null;
}

const property = 'strata:snapshot';
const limit = 120_000;
/** Whoever looks at a new device, or into a snapshot, holds it for a moment only. */
const patience = 10_000;

/** Ids for which something may still be made: a command that was killed may go on in the kernel. */
const unsettled = new Set<string>();

/** What of a snapshot's name Strata chooses, and the tag of a hold on it. */
export function nameFor(id: string): string {
  return `strata-${id}`;
}

/** The names of the pools that are imported: IO when that cannot be told. */
export async function pools(): Promise<readonly string[]> {
  return linesOf(await act(['list', '-H', '-d', '0', '-t', 'filesystem', '-o', 'name']));
}

/** Whether there is a dataset of that name. */
export async function isDataset(name: string): Promise<boolean> {
  return (await propertiesOf(name, ['guid'])) !== null;
}

/** The names of all volumes. */
export async function volumes(): Promise<readonly string[]> {
  return linesOf(await act(['list', '-H', '-t', 'volume', '-o', 'name']));
}

/** What a snapshot is; null when there is none of that name. */
export async function snapshotNamed(name: string): Promise<ZfsSnapshot | null> {
  const found = await propertiesOf(name, ['guid', 'createtxg', property]);
  if (found === null) return null;
  const [guid = '', txg = '', madeFor = '-'] = found;
  if (!/^\d+$/.test(guid) || !/^\d+$/.test(txg))
    throw failed('get', `${name} has the guid ${guid} and createtxg ${txg}`);
  return { name, guid, txg, madeFor: madeFor === '-' ? null : madeFor };
}

/** Makes snapshots of datasets of one pool, all of one instant. */
export async function makeSnapshots(datasets: readonly string[], id: string): Promise<void> {
  const names = datasets.map((dataset) => `${dataset}@${nameFor(id)}`);
  await act(['snapshot', '-o', `${property}=${id}`, ...names], id);
}

/** Keeps snapshots from being destroyed until `id` lets go of them. */
export async function hold(snapshots: readonly string[], id: string): Promise<void> {
  await act(['hold', nameFor(id), ...snapshots]);
}

/** Lets go of a snapshot of ours; destroys it when nobody of ours needs it any more. Others may hold it: it goes with them. */
export async function letGo(name: string, id: string): Promise<void> {
  const found = await snapshotNamed(name);
  if (found === null) {
    await requireGone(name, id);
    return;
  }
  if (found.madeFor === null || !name.endsWith(`@${nameFor(found.madeFor)}`)) return;
  const held = await holdsOf(name);
  if (held.includes(nameFor(id))) await act(['release', nameFor(id), name]);
  if (held.some((tag) => tag !== nameFor(id) && /^strata-[0-9a-f]{8}$/.test(tag))) return;
  await whileBusy(() => act(['destroy', '-d', name]));
}

/** Makes a volume out of a snapshot of one, so that it can be read: it takes no room, and cannot be written. */
export async function makeClone(snapshot: string, name: string, id: string): Promise<void> {
  const options = [`${property}=${id}`, 'readonly=on', 'volmode=dev', 'com.sun:auto-snapshot=false'];
  await act(['clone', ...options.flatMap((option) => ['-o', option]), snapshot, name], id);
}

/** Destroys a clone that was made for `id`, if it is there. */
export async function removeClone(name: string, id: string): Promise<void> {
  const found = await propertiesOf(name, ['type', property]);
  if (found === null) {
    await requireGone(name, id);
    return;
  }
  const [type, madeFor] = found;
  if (type !== 'volume' || madeFor !== id) return;
  // Somebody may make snapshots of all that is there, again and again.
  await whileBusy(() => act(['destroy', '-r', name]));
}

/** About how many bytes the stream between two snapshots of a dataset has. */
export async function sizeOfStream(before: string, now: string): Promise<number> {
  const output = await act([...streamWords(before), '-n', '-P', now]);
  const [, size] = /^size\t(\d{1,15})$/m.exec(output) ?? [];
  if (size === undefined) throw failed('send', `it does not say how long the stream is: ${output.trim()}`);
  return Number(size);
}

/** The words for what changed since a snapshot; the newer one follows. Blocks come as they are on the disk, compressed. */
export function streamWords(before: string): readonly string[] {
  return ['send', '-L', '-e', '-c', '-i', before];
}

/** Values, as numbers where they are some, `-` where there is none; null when nothing has that name. */
async function propertiesOf(name: string, properties: readonly string[]): Promise<readonly string[] | null> {
  const words = ['get', '-H', '-p', '-o', 'value', properties.join(','), name];
  const { code, stdout, trouble } = await runCommand('zfs', words, { limit });
  if (code !== 0 && trouble.endsWith('does not exist')) return null;
  if (code !== 0) throw failed('get', trouble, code);
  const values = linesOf(stdout);
  if (values.length !== properties.length) throw failed('get', `it says ${values.join(', ')} of ${name}`);
  return values;
}

async function holdsOf(snapshot: string): Promise<readonly string[]> {
  return linesOf(await act(['holds', '-H', snapshot])).map((line) => line.split('\t')[1] ?? '');
}

/** What is not there may yet be made, or lie in a pool that is not imported, and then comes back with that. */
async function requireGone(name: string, id: string): Promise<void> {
  // Left to the next run, which believes what it sees.
  if (unsettled.delete(id)) throw failed('get', `a command that did not end may still make ${name}`);
  const pool = poolOf(name);
  if ((await pools()).includes(pool)) return;
  throw failed('get', `the pool ${pool} is not imported; if it is gone for good, remove the record ${id}.json`);
}

export function poolOf(name: string): string {
  return name.split(/[/@]/, 1)[0] ?? '';
}

async function whileBusy(work: () => Promise<unknown>): Promise<void> {
  for (const until = Date.now() + patience; ; await pause(200)) {
    try {
      await work();
      return;
    } catch (error) {
      const message = String((error as Error).message);
      if (/does not exist|could not find any snapshots/.test(message)) return;
      if (!message.includes('busy') || Date.now() > until) throw error;
    }
  }
}

/** What it makes for an id is there when it has ended, or cannot come any more. */
async function act(words: readonly string[], id: string | null = null): Promise<string> {
  const { code, stdout, trouble } = await runCommand('zfs', words, { limit, mostOutput: 16 * 1024 ** 2 });
  if (code === 0) return stdout;
  if (code === null && id !== null && !trouble.includes('ENOENT')) unsettled.add(id);
  throw failed(words[0] ?? '', trouble, code);
}

function failed(verb: string, trouble: string, code: number | null = 0) {
  return fail('IO', { what: `zfs ${verb} failed`, reason: withRemedy(trouble, code) });
}

/** What the command complains of, and what helps. */
function withRemedy(trouble: string, code: number | null): string {
  if (code === null && trouble.includes('ENOENT')) {
    return 'the command zfs is missing (apt-get install zfsutils-linux, in the contrib section)';
  }
  if (/modprobe zfs|modules are not loaded/.test(trouble)) return 'the driver of ZFS is not loaded (modprobe zfs)';
  if (trouble.endsWith('permission denied')) {
    return `${trouble} (zfs allow USER snapshot,hold,release,destroy,clone,create,mount,userprop,send POOL lets a user do it)`;
  }
  if (trouble.endsWith('out of space')) {
    return `${trouble} (of a volume with a refreservation as much must be free as is in use)`;
  }
  return trouble;
}

function linesOf(output: string): readonly string[] {
  return output.split('\n').filter((line) => line !== '');
}
