/**
 * Frames known to be damaged: `bad/<pack>.<n>` names the places in a pack where verify or repair found one. A backup refers
 * to none of them, and reads anew what lies in one. The highest number holds; who writes a new one takes over what the
 * one before says, less what was found good again, and removes it.
 */
import { z } from 'zod';
import { isStrataError } from '../errors.ts';
import type { BadPlace } from '../native/maps.ts';
import { concurrently } from './concurrently.ts';
import type { Warning } from './events.ts';
import { openRecord, sealRecord } from './record.ts';
import type { Repository } from './repository.ts';

const recordSchema = z.object({ offsets: z.array(z.int().nonnegative()), time: z.iso.datetime() });

export interface BadFrames {
  readonly places: readonly BadPlace[];
  /** Names of records that cannot be read; they count as nothing. */
  readonly unreadable: readonly string[];
}

interface RecordName {
  readonly name: string;
  readonly pack: string;
  readonly n: number;
}

/** All that is known. */
export async function readBadFrames(repo: Repository): Promise<BadFrames> {
  const unreadable: string[] = [];
  const newest = new Map<string, RecordName>();
  for (const record of await records(repo, 'bad/')) {
    if ((newest.get(record.pack)?.n ?? -1) < record.n) newest.set(record.pack, record);
  }
  const places = await concurrently([...newest.values()], 16, async ({ pack, name }) => {
    const offsets = await readRecord(repo, name);
    // Removed meanwhile by who wrote a newer one.
    if (offsets === 'gone') return placesIn(pack, await newestOffsets(repo, pack, unreadable));
    if (offsets === null) unreadable.push(name);
    return placesIn(pack, offsets ?? []);
  });
  return { places: places.flat(), unreadable };
}

/** Adds frames that were found damaged, and takes out those that were found good. */
export async function noteBadFrames(
  repo: Repository,
  found: readonly BadPlace[],
  good: readonly BadPlace[],
): Promise<void> {
  for (const pack of new Set([...found, ...good].map((place) => place.pack))) {
    await noteOfPack(repo, pack, offsetsIn(pack, found), new Set(offsetsIn(pack, good)));
  }
}

/** What is told of a record that cannot be read. */
export function unreadableRecord(name: string): Warning {
  const message = `the record ${name} of damaged frames cannot be read and counts as nothing: run strata repair`;
  return { code: 'BAD_FRAMES', message };
}

async function noteOfPack(
  repo: Repository,
  pack: string,
  found: readonly number[],
  good: ReadonlySet<number>,
): Promise<void> {
  const before = await records(repo, `bad/${pack}.`);
  const known = await newestOffsets(repo, pack, []);
  const offsets = [...new Set([...known, ...found])].filter((offset) => !good.has(offset)).sort((a, b) => a - b);
  if (offsets.length === known.length && offsets.every((offset) => known.includes(offset))) return;
  const next = 1 + Math.max(0, ...before.map(({ n }) => n));
  if (offsets.length > 0) {
    const name = `bad/${pack}.${next}`;
    try {
      await repo.store.put(name, sealRecord(repo.vault, name, { offsets, time: new Date().toISOString() }));
    } catch (error) {
      // Another process was faster by an instant: what it wrote is taken over.
      if (isStrataError(error, 'OBJECT_EXISTS')) return noteOfPack(repo, pack, found, good);
      throw error;
    }
  }
  // Lowest first: cut short, the one that held holds still.
  for (const { name } of before.toSorted((a, b) => a.n - b.n)) await repo.store.remove(name);
  // Of several at once one may have got a number that was free again: what holds must know of this one's frames, too.
  const after = await records(repo, `bad/${pack}.`);
  if (after.some(({ n }) => n > next)) await noteOfPack(repo, pack, found, good);
}

async function newestOffsets(repo: Repository, pack: string, unreadable: string[]): Promise<readonly number[]> {
  const [newest] = (await records(repo, `bad/${pack}.`)).sort((a, b) => b.n - a.n);
  if (newest === undefined) return [];
  const offsets = await readRecord(repo, newest.name);
  if (offsets === 'gone') return newestOffsets(repo, pack, unreadable);
  if (offsets === null) unreadable.push(newest.name);
  return offsets ?? [];
}

async function records(repo: Repository, prefix: string): Promise<RecordName[]> {
  const found: RecordName[] = [];
  for await (const { name } of repo.store.list(prefix)) {
    const [, pack, n] = /^bad\/([0-9a-f]{32})\.(\d{1,15})$/.exec(name) ?? [];
    if (pack !== undefined) found.push({ name, pack, n: Number(n) });
  }
  return found;
}

/** Null when it cannot be read. */
async function readRecord(repo: Repository, name: string): Promise<readonly number[] | null | 'gone'> {
  try {
    return recordSchema.safeParse(openRecord(repo.vault, name, await repo.store.get(name))).data?.offsets ?? null;
  } catch (error) {
    if (isStrataError(error, 'OBJECT_MISSING')) return 'gone';
    if (isStrataError(error, 'FRAME_DAMAGED')) return null;
    throw error;
  }
}

function placesIn(pack: string, offsets: readonly number[]): BadPlace[] {
  return offsets.map((offset) => ({ pack, offset }));
}

function offsetsIn(pack: string, places: readonly BadPlace[]): number[] {
  return places.filter((place) => place.pack === pack).map(({ offset }) => offset);
}
