/**
 * The trash: objects that nothing refers to any more, and that are removed some time later.
 *
 * Being in the trash is being named by a record `trash/<run>.<n>`; the object itself stays where it is. Once the
 * records of a collection are durable it lists who is at work and notes that in `trash/<run>.held`. Whoever begins later
 * sees the trash and uses nothing of it; so an object may go when its time has come and nobody of those noted is at
 * work any more. No clock is compared between machines for that.
 */
import { z } from 'zod';
import { isStrataError } from '../errors.ts';
import { concurrently } from './concurrently.ts';
import { openRecord, sealRecord } from './record.ts';
import type { Repository } from './repository.ts';

/** Keeps a record at about 300 KiB. */
const namesPerRecord = 5000;

const namesSchema = z.object({
  time: z.iso.datetime(),
  names: z.array(z.string()),
  lockedUntil: z.iso.datetime().optional(),
});
const heldSchema = z.object({ leases: z.array(z.string()) });

/** What one collection put into the trash. */
export interface TrashBag {
  /** The collection's run. */
  readonly run: string;
  /** When it was put there; ISO 8601 UTC. */
  readonly time: string;
  readonly names: ReadonlySet<string>;
  /** What is in it was found locked, and will be removable then; null: it was not. */
  readonly lockedUntil: string | null;
  /** Leases that stood when all of it was in the trash; null when the collection was killed before it could tell. */
  readonly heldBy: readonly string[] | null;
  /** The names of its records. */
  readonly records: readonly string[];
}

/** All that is in the trash. A record that cannot be read is passed over: what it names counts as in use. */
export async function readTrash(repo: Repository): Promise<TrashBag[]> {
  const records = new Map<string, string[]>();
  for await (const name of repo.store.names('trash/')) {
    const [, run] = /^trash\/([0-9a-f]{24})\.(?:\d{1,9}|held)$/.exec(name) ?? [];
    if (run !== undefined) records.set(run, [...(records.get(run) ?? []), name]);
  }
  return concurrently([...records], 8, ([run, names]) => readBag(repo, run, names));
}

/** The packs in the trash, by id: nothing new may refer to them. */
export async function trashedPacks(repo: Repository): Promise<ReadonlySet<string>> {
  const packs = new Set<string>();
  for (const { names } of await readTrash(repo)) {
    for (const name of names) if (name.startsWith('packs/')) packs.add(name.slice('packs/xx/'.length));
  }
  return packs;
}

/** Puts objects into the trash; durable when it returns, with the names of its records. */
export async function putIntoTrash(
  repo: Repository,
  { run, time, names: all, lockedUntil }: Pick<TrashBag, 'run' | 'time' | 'names' | 'lockedUntil'>,
): Promise<readonly string[]> {
  const names = [...all];
  const records: string[] = [];
  for (let n = 0; n * namesPerRecord < names.length; n++) {
    const part = names.slice(n * namesPerRecord, (n + 1) * namesPerRecord);
    records.push(
      await putRecord(repo, `trash/${run}.${n}`, { time, names: part, lockedUntil: lockedUntil ?? undefined }),
    );
  }
  return records;
}

/** Notes who was at work when all of a bag was in the trash; gives the name of the record. */
export function noteHolders(repo: Repository, run: string, leases: readonly string[]): Promise<string> {
  return putRecord(repo, `trash/${run}.held`, { leases });
}

/** Forgets a bag whose objects are gone, or are in use again. The note about holders goes last. */
export async function dropBag(repo: Repository, bag: TrashBag): Promise<void> {
  const held = `trash/${bag.run}.held`;
  for (const name of bag.records.filter((record) => record !== held)) await repo.store.remove(name);
  await repo.store.remove(held);
}

async function readBag(repo: Repository, run: string, records: readonly string[]): Promise<TrashBag> {
  const names = new Set<string>();
  let time = '';
  let lockedUntil: string | null = null;
  let heldBy: readonly string[] | null = null;
  for (const record of records) {
    const content = await readRecord(repo, record);
    if (record.endsWith('.held')) {
      heldBy = heldSchema.safeParse(content).data?.leases ?? null;
      continue;
    }
    const part = namesSchema.safeParse(content).data;
    for (const name of part?.names ?? []) names.add(name);
    if (part !== undefined && part.time > time) time = part.time;
    lockedUntil = part?.lockedUntil ?? lockedUntil;
  }
  return { run, time, names, lockedUntil, heldBy, records };
}

/** Null when it cannot be read, or was removed meanwhile. */
async function readRecord(repo: Repository, name: string): Promise<unknown> {
  try {
    return openRecord(repo.vault, name, await repo.store.get(name));
  } catch (error) {
    if (isStrataError(error, 'OBJECT_MISSING', 'FRAME_DAMAGED')) return null;
    throw error;
  }
}

async function putRecord(repo: Repository, name: string, content: unknown): Promise<string> {
  await repo.store.put(name, sealRecord(repo.vault, name, content));
  return name;
}
