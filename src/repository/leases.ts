/**
 * The leases in a repository: who is at work. A lease is the objects `leases/<run id>.<n>`, of which the highest
 * number holds. It is dead when its process is known to be gone, or when it was not renewed for ten minutes.
 *
 * Two of one purpose exclude each other, those on different disks aside; readers exclude nobody. What collection frees
 * waits for all of them (docs/design.md, Collection).
 */
import { z } from 'zod';
import { isStrataError } from '../errors.ts';
import type { Here } from './here.ts';
import { openRecord } from './record.ts';
import type { Repository } from './repository.ts';
import type { StoredObject } from './stores/store.ts';

/** How long a lease holds without being renewed, in milliseconds. */
export const leaseTerm = 600_000;

const purposes = ['backup', 'synthesis', 'collection', 'reading'] as const;

const leaseSchema = z.object({
  id: z.string(),
  purpose: z.enum(purposes),
  /** Empty unless it is about one disk. */
  machine: z.string(),
  disk: z.string(),
  host: z.string(),
  machineId: z.string(),
  bootId: z.string(),
  pidNamespace: z.string(),
  pid: z.int(),
  pidStart: z.string(),
  since: z.iso.datetime(),
  expires: z.iso.datetime(),
});

export type LeaseRecord = Readonly<z.infer<typeof leaseSchema>>;

/** What a lease is taken for. */
export type Claim =
  | { readonly purpose: 'backup' | 'synthesis'; readonly machine: string; readonly disk: string }
  | { readonly purpose: 'collection' | 'reading' };

/** A lease as it is found; the record is null when it cannot be read. */
export interface FoundLease {
  readonly id: string;
  /** Names of its objects. */
  readonly objects: readonly string[];
  readonly record: LeaseRecord | null;
  readonly dead: boolean;
  /** It was given back by one who may not remove it: nothing was broken off. */
  readonly ended: boolean;
}

/** The time at which a lease has expired that was given back. */
export const endedLong = new Date(0).toISOString();

/** Name of the object that is the n-th state of a lease. */
export function leaseName(id: string, n: number): string {
  return `leases/${id}.${n}`;
}

/** All leases, living and dead. */
export async function findLeases(repo: Repository, here: Here): Promise<FoundLease[]> {
  const states = new Map<string, { n: number; object: StoredObject }[]>();
  for await (const object of repo.store.list('leases/')) {
    const [, id, n] = /^leases\/([0-9a-f]{24})\.(\d{1,9})$/.exec(object.name) ?? [];
    if (id !== undefined) states.set(id, [...(states.get(id) ?? []), { n: Number(n), object }]);
  }
  const found: FoundLease[] = [];
  for (const [id, objects] of states) {
    const newest = objects.reduce((a, b) => (b.n > a.n ? b : a)).object;
    const record = await readLease(repo, newest.name);
    if (record === 'released') continue;
    const dead = record === null ? newest.modified.getTime() + leaseTerm < here.now() : isDead(record, here);
    const ended = record?.expires === endedLong;
    found.push({ id, objects: objects.map(({ object }) => object.name), record, dead, ended });
  }
  return found;
}

/** Removes a state of a lease; false: whoever asks may only add, so it stays until somebody removes it who may. */
export async function removeLeaseState(repo: Repository, name: string): Promise<boolean> {
  try {
    await repo.store.remove(name);
    return true;
  } catch (error) {
    if (isStrataError(error, 'STORAGE_FORBIDDEN')) return false;
    throw error;
  }
}

/** The leases of all others that stand, dead ones too: what they wrote is not anybody else's yet. */
export async function leasesAtWork(repo: Repository, self: string, here: Here): Promise<string[]> {
  const others = (await findLeases(repo, here)).filter(({ id, ended }) => id !== self && !ended);
  return others.map(({ id }) => id);
}

/** Whether whoever holds the lease is gone for certain, or has not renewed it in time. */
export function isDead(lease: LeaseRecord, here: Here): boolean {
  if (Date.parse(lease.expires) < here.now()) return true;
  // Cloned machines share their ids and containers see only their own processes: when in doubt it lives.
  const sameMachine = lease.host === here.host && lease.machineId === here.machineId && here.machineId !== '';
  if (sameMachine && lease.bootId !== here.bootId) return true;
  const sameProcesses = lease.bootId === here.bootId && lease.pidNamespace === here.pidNamespace;
  return sameProcesses && here.startOf(lease.pid) !== lease.pidStart;
}

async function readLease(repo: Repository, name: string): Promise<LeaseRecord | null | 'released'> {
  try {
    return leaseSchema.safeParse(openRecord(repo.vault, name, await repo.store.get(name))).data ?? null;
  } catch (error) {
    if (isStrataError(error, 'OBJECT_MISSING')) return 'released';
    if (isStrataError(error, 'FRAME_DAMAGED')) return null;
    throw error;
  }
}
