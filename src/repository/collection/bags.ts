/** What goes into the trash, and what comes out of it again because somebody needs it. */
import { randomBytes } from 'node:crypto';
import type { Here } from '../here.ts';
import type { Lease } from '../lease.ts';
import { leasesAtWork } from '../leases.ts';
import type { Repository } from '../repository.ts';
import { dropBag, noteHolders, putIntoTrash, type TrashBag } from '../trash.ts';
import type { Survey } from './survey.ts';

export interface Bags {
  /** What this collection put into the trash; null when there was nothing. */
  readonly fresh: TrashBag | null;
  /** What lay there, with who was at work noted, before the mark began. */
  readonly settled: readonly TrashBag[];
  readonly all: readonly TrashBag[];
}

/** What `fillTrash` would make of the trash if nobody else were at work. */
export function planTrash(found: Survey, run: string, time: string): Bags {
  const names = freshNames(found);
  const fresh = names.size > 0 ? { run, time, names, lockedUntil: null, heldBy: [], records: [] } : null;
  const settled = found.trash.map((bag) => ({ ...bag, names: stillDead(bag, found) }));
  return { fresh, settled, all: [...(fresh === null ? [] : [fresh]), ...settled] };
}

/**
 * Puts a new bag into the trash and takes out of the older ones what is needed again, or is in the new one. The new is
 * durable before the old goes: what is in both is in the trash still.
 */
export async function fillTrash(
  repo: Repository,
  lease: Lease,
  found: Survey,
  time: string,
  here: Here,
): Promise<Bags> {
  await lease.check();
  const note = () => leasesAtWork(repo, lease.id, here);
  const names = freshNames(found);
  const fresh = names.size > 0 ? await putBag(repo, { run: lease.id, time, names, lockedUntil: null }, note) : null;
  const [settled, unsettled]: [TrashBag[], TrashBag[]] = [[], []];
  for (const bag of found.trash) {
    const { heldBy } = bag;
    const names = stillDead(bag, found);
    const same = names.size === bag.names.size;
    if (heldBy === null && same) {
      // The collection that filled it was killed before it could tell who was at work.
      const holders = await note();
      await noteHolders(repo, bag.run, holders);
      unsettled.push({ ...bag, heldBy: holders });
      continue;
    }
    if (!same && names.size > 0) {
      const renewed = await replaceBag(repo, bag, names);
      (heldBy === null ? unsettled : settled).push(renewed);
    }
    if (same) settled.push(bag);
    else await dropBag(repo, bag);
  }
  return { fresh, settled, all: [...(fresh === null ? [] : [fresh]), ...settled, ...unsettled] };
}

/** Takes one object out of a bag. */
export async function takeOut(repo: Repository, bag: TrashBag, name: string): Promise<void> {
  if (!bag.names.has(name)) return;
  const names = new Set([...bag.names].filter((other) => other !== name));
  if (names.size > 0) await replaceBag(repo, bag, names);
  await dropBag(repo, bag);
}

/** Leaves in a bag what could not be removed yet, until then; null when all of it is gone. */
export async function keepLocked(
  repo: Repository,
  bag: TrashBag,
  names: ReadonlySet<string>,
  until: Date,
): Promise<TrashBag | null> {
  const rest = new Set([...bag.names].filter((name) => names.has(name)));
  const kept = rest.size > 0 ? await replaceBag(repo, { ...bag, lockedUntil: until.toISOString() }, rest) : null;
  await dropBag(repo, bag);
  return kept;
}

/** The dead that is not in the trash, and all that belongs to points which are not. */
function freshNames({ dead, recent, trash }: Survey): ReadonlySet<string> {
  const already = new Set(trash.flatMap(({ names }) => [...names]));
  return new Set([...dead.keys()].filter((name) => recent.has(name) || !already.has(name)));
}

function stillDead({ names }: TrashBag, { dead, recent }: Survey): ReadonlySet<string> {
  return new Set([...names].filter((name) => dead.has(name) && !recent.has(name)));
}

/** A bag with fewer names; that nobody has noted yet who was at work stays so. */
async function replaceBag(
  repo: Repository,
  { time, lockedUntil, heldBy }: TrashBag,
  names: ReadonlySet<string>,
): Promise<TrashBag> {
  const bag = { run: randomBytes(12).toString('hex'), time, names, lockedUntil };
  if (heldBy !== null) return putBag(repo, bag, async () => heldBy);
  return { ...bag, heldBy, records: await putIntoTrash(repo, bag) };
}

async function putBag(
  repo: Repository,
  bag: Pick<TrashBag, 'run' | 'time' | 'names' | 'lockedUntil'>,
  holders: () => Promise<readonly string[]>,
): Promise<TrashBag> {
  const records = await putIntoTrash(repo, bag);
  const heldBy = await holders();
  return { ...bag, heldBy, records: [...records, await noteHolders(repo, bag.run, heldBy)] };
}
