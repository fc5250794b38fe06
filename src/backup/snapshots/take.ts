/** Taking a snapshot as the policy of the disk wants it, and giving it back. */
import { open } from 'node:fs/promises';
import { fail, isStrataError, reasonOf, type StrataError } from '../../errors.ts';
import { native } from '../../native.ts';
import type { Emit, Warning } from '../../repository/events.ts';
import type { Source } from '../source.ts';
import type { Consistency, ProviderName, SnapshotEnd, SnapshotProvider, SnapshotWish, Traced } from './provider.ts';
import { providerOf, providers } from './providers.ts';
import { beginRecord, type HeldRecord, newSnapshotId, type SnapshotOwner } from './records.ts';

export interface SnapshotOrder {
  readonly source: Source;
  readonly policy: string;
  readonly owner: SnapshotOwner;
  /** Where records are. */
  readonly records: string;
  readonly wish: Omit<SnapshotWish, 'source' | 'id'>;
  readonly emit: Emit;
  readonly warn: (warning: Warning) => void;
}

/** What a backup reads, and what that is worth. */
export interface Taken {
  readonly provider: ProviderName | 'off';
  readonly consistency: Consistency;
  /** Shows the source's own path. */
  readonly view: Source;
  /** Of the snapshot; null when there is none. */
  readonly id: string | null;
  /** The instant that it shows; without a snapshot, when reading begins. */
  readonly time: string;
  /** Comes when it is known before the end that it does not hold. */
  readonly lost: AbortSignal;
  /** What the snapshot is called by the tools that made it; null where that tells no more than the view. */
  readonly named: string | null;
  /** Of a snapshot by a driver that follows the source; null of others. */
  readonly traced: Traced | null;
  /** Tells it how many seconds it will be read yet, about. */
  needed(seconds: number): void;
  /** To be called when all is read: SNAPSHOT_LOST when it did not hold until then, SNAPSHOT_OUTPACED when it was not going to. */
  proven(): Promise<void>;
  /** Removes it. */
  finish(end: SnapshotEnd): Promise<void>;
  /** When all is read: has it rest, so that it can stay; gives what more tells that it is still that, or null. */
  rest(): Promise<string | null>;
  /** Has it stay in place of removing it. */
  keep(): Promise<void>;
  /** Writes down something more that its provider ends if this process does not live to do that. */
  note(places: readonly string[]): Promise<HeldRecord>;
}

/** The provider that would be tried first; null when the source would be read as it is. */
export async function foreseeProvider(order: SnapshotOrder): Promise<SnapshotProvider | null> {
  const { able, obstacles } = await candidates(order, newSnapshotId());
  const [first] = able;
  if (first === undefined && !mayFallBack(order)) throw impossible(order, obstacles);
  return first ?? null;
}

/** Takes one, or says why the source is read as it is: SNAPSHOT_IMPOSSIBLE, SNAPSHOT_FAILED when the policy forbids that. */
export async function takeSnapshot(order: SnapshotOrder): Promise<Taken> {
  const id = newSnapshotId();
  const { able, obstacles: before } = await candidates(order, id);
  const obstacles = [...before];
  const failures: string[] = [];
  for (const provider of able) {
    try {
      return await take(order, provider, id);
    } catch (error) {
      if (isStrataError(error, 'INTERRUPTED')) throw error;
      const failure = asFailure(error, order.source, provider);
      if (failure.code === 'SNAPSHOT_IMPOSSIBLE') obstacles.push(`${provider.name}: ${failure.params.reason}`);
      else if (mayFallBack(order)) failures.push(failure.message);
      else throw failure;
    }
  }
  if (!mayFallBack(order)) throw impossible(order, obstacles);
  warnOfLive(order, failures);
  return live(order.source);
}

/** The source as it is. */
export function live(source: Source): Taken {
  const nothing = async () => undefined;
  const time = new Date().toISOString();
  return {
    ...{ provider: 'off', consistency: 'none', view: source, id: null, time },
    ...{ lost: never(), named: null, traced: null, needed: () => undefined, proven: nothing, finish: nothing },
    ...{ keep: nothing, note: noteless },
    rest: async () => null,
  };
}

async function noteless(): Promise<HeldRecord> {
  throw new Error('there is no snapshot');
}

function never(): AbortSignal {
  return new AbortController().signal;
}

async function candidates(
  { source, policy, wish }: SnapshotOrder,
  id: string,
): Promise<{ able: readonly SnapshotProvider[]; obstacles: readonly string[] }> {
  const able: SnapshotProvider[] = [];
  const obstacles: string[] = [];
  if (policy === 'off') return { able, obstacles };
  if (source.kind === 'nbd') return { able, obstacles: ['an export can be frozen only where it is served'] };
  const isOpen = policy === 'auto' || policy === 'required';
  const tried = isOpen ? providers.filter(({ byNameOnly }) => !byNameOnly) : [providerOf(policy as ProviderName)];
  for (const provider of tried) {
    const obstacle = await provider.obstacle({ ...wish, source, id });
    if (obstacle === null) able.push(provider);
    else obstacles.push(`${provider.name}: ${obstacle}`);
  }
  return { able, obstacles };
}

async function take(
  { source, owner, records, wish, emit }: SnapshotOrder,
  provider: SnapshotProvider,
  id: string,
): Promise<Taken> {
  const { name, consistency } = provider;
  const whole: SnapshotWish = { ...wish, source, id };
  const places = await provider.plan(whole);
  const known = { provider: name, source: source.path, owner };
  const note = (more: readonly string[]) => beginRecord(records, { ...known, id: newSnapshotId(), places: more });
  const record = await beginRecord(records, { ...known, id, places });
  const finish = async (end: SnapshotEnd) => {
    await provider.end(places, end, id).catch(async (error: unknown) => {
      await record.leave();
      throw error;
    });
    await record.close();
    emit({ event: 'snapshot', act: 'removed', provider: name, source: source.path });
  };
  const rest = async () => (await provider.keep?.(places, id)) ?? null;
  const keep = async () => {
    await record.keep();
    emit({ event: 'snapshot', act: 'kept', provider: name, source: source.path });
  };
  try {
    const made = await provider.create(whole, places);
    const { path, lost = never(), named = null, traced = null } = made;
    const needed = (seconds: number) => made.needed?.(seconds);
    const proven = () => made.proven();
    const time = new Date().toISOString();
    const view = { ...source, input: path, size: await sizeOf(path), mountedAt: [] };
    emit({ event: 'snapshot', act: 'created', provider: name, source: source.path, consistency });
    const guarded = { lost, named, traced, needed, proven };
    return { provider: name, consistency, view, id, time, ...guarded, finish, rest, keep, note };
  } catch (error) {
    // What is left all the same is cleared by the next run, for its record stays.
    await provider.end(places, 'abort', id).then(record.close, record.leave);
    throw error;
  }
}

/** It may have grown since it was looked at. */
async function sizeOf(path: string): Promise<number> {
  const file = await open(path, 'r');
  try {
    return native.sizeOf(file.fd);
  } finally {
    await file.close();
  }
}

function mayFallBack({ policy }: SnapshotOrder): boolean {
  return policy === 'auto' || policy === 'off';
}

function impossible({ source }: SnapshotOrder, obstacles: readonly string[]): StrataError {
  const reason = obstacles.join('; ') || `nobody can freeze a ${source.kind}`;
  return fail('SNAPSHOT_IMPOSSIBLE', { path: source.path, reason });
}

function asFailure(error: unknown, { path }: Source, { name }: SnapshotProvider): StrataError {
  if (isStrataError(error, 'SNAPSHOT_IMPOSSIBLE', 'SNAPSHOT_FAILED')) return error;
  // Where nothing can be made, nobody writes to the source either.
  if (isStrataError(error, 'READ_ONLY')) return fail('SNAPSHOT_IMPOSSIBLE', { path, reason: reasonOf(error) });
  return fail('SNAPSHOT_FAILED', { path, provider: name, reason: reasonOf(error) }, { cause: error });
}

function warnOfLive({ source, warn }: SnapshotOrder, failures: readonly string[]): void {
  const { path, mountedAt } = source;
  if (mountedAt.length === 0 && failures.length === 0) return;
  const state = mountedAt.length === 0 ? 'was' : `is mounted writable at ${mountedAt.join(', ')} and`;
  const why = failures.length === 0 ? '' : ` (${failures.join('; ')})`;
  const message = `${path} ${state} read without a snapshot${why}: files changed meanwhile may be torn`;
  warn({ code: 'LIVE_SOURCE', message });
}
