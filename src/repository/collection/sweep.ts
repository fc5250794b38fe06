/** Removes what is in bags of the trash whose time has come; what is locked stays in the trash until its lock has ended. */
import { fail } from '../../errors.ts';
import { concurrently } from '../concurrently.ts';
import type { Lease } from '../lease.ts';
import { manifestName } from '../manifest.ts';
import type { Repository } from '../repository.ts';
import { endOfLock } from '../stores/lock.ts';
import type { TrashBag } from '../trash.ts';
import { keepLocked } from './bags.ts';

/** Names removed between two looks at the lease. */
const batch = 1000;
const requestsAtOnce = 32;

/** Writing goes packs, maps, manifest; removing goes the other way, each kind durably gone before the next. */
const order = ['points/', 'marks/', 'maps/', 'progress/', 'packs/', 'bad/'] as const;

export interface Swept {
  readonly freed: ReadonlySet<string>;
  /** What stayed because it is locked, and the bags that it is in now. */
  readonly locked: readonly TrashBag[];
}

/** What a sweep would do. */
export async function planSweep({ store: { locks } }: Repository, bags: readonly TrashBag[]): Promise<Swept> {
  const names = new Set(bags.flatMap((bag) => [...bag.names]));
  if (locks === null) return { freed: names, locked: [] };
  const ends = await concurrently([...names], requestsAtOnce, (name) => locks.until(name));
  const isLocked = (end: Date | null) => end !== null && end.getTime() > Date.now();
  const stayed = new Set([...names].filter((_, index) => isLocked(ends[index] ?? null)));
  const until = new Date(Math.max(0, ...ends.map((end) => end?.getTime() ?? 0))).toISOString();
  const locked = bags.map((bag) => ({ ...bag, lockedUntil: until, names: both(bag.names, stayed) }));
  return { freed: without(names, stayed), locked: locked.filter(({ names: { size } }) => size > 0) };
}

/** Stopped or killed, it is gone on with by the next collection: what is left is in the trash still. */
export async function sweep(
  repo: Repository,
  lease: Lease,
  bags: readonly TrashBag[],
  signal: AbortSignal,
): Promise<Swept> {
  const names = new Set(bags.flatMap((bag) => [...bag.names]));
  const stayed = new Set<string>();
  let until = new Date(0);
  for (const prefix of order) {
    // A point whose manifest stays must stay forgotten; and its maps must not seem to be there because somebody has copies.
    const isHeld = (name: string) => {
      const [, point] = /^(?:marks|maps)\/([0-9a-f]{24})\./.exec(name) ?? [];
      return point !== undefined && stayed.has(manifestName(point));
    };
    const some = [...names].filter((name) => name.startsWith(prefix));
    for (const name of some.filter(isHeld)) stayed.add(name);
    const removable = some.filter((name) => !isHeld(name));
    for (let at = 0; at < removable.length; at += batch) {
      if (signal.aborted) throw fail('INTERRUPTED', { action: 'the collection' });
      await lease.check();
      for (const locked of await repo.store.removeAll(removable.slice(at, at + batch))) {
        stayed.add(locked.name);
        if (locked.until > until) until = locked.until;
      }
    }
  }
  // A longer lock is none of ours: then it is tried again in between.
  const { locks } = repo.store;
  const longest = locks === null ? until : endOfLock(locks.rule, Date.now());
  const kept: TrashBag[] = [];
  for (const bag of bags) {
    const rest = await keepLocked(repo, bag, stayed, until < longest ? until : longest);
    if (rest !== null) kept.push(rest);
  }
  return { freed: without(names, stayed), locked: kept };
}

function both(a: ReadonlySet<string>, b: ReadonlySet<string>): ReadonlySet<string> {
  return new Set([...a].filter((name) => b.has(name)));
}

function without(a: ReadonlySet<string>, b: ReadonlySet<string>): ReadonlySet<string> {
  return new Set([...a].filter((name) => !b.has(name)));
}
