/**
 * Makes the locks of what is needed longer, before they end: what has less than half of the days left is locked for all of them again.
 * What nobody needs is left alone, so that it can be freed when its lock ends.
 *
 * Only what is older than half of the days is asked about, and configuration and keys; that is one request for each such object, and one more
 * each half of the days.
 */
import { fail } from '../../errors.ts';
import { concurrently } from '../concurrently.ts';
import { configName } from '../config.ts';
import type { Here } from '../here.ts';
import type { Repository } from '../repository.ts';
import { endOfLock, isLockable, lockedPrefixes, type ObjectLocks } from '../stores/lock.ts';

const requestsAtOnce = 32;

/** Renews the locks of all but what is `dead`; how many it renewed. */
export async function renewLocks(
  repo: Repository,
  dead: { has(name: string): boolean },
  here: Here,
  signal: AbortSignal,
): Promise<number> {
  const { store } = repo;
  const { locks } = store;
  if (locks === null) return 0;
  const now = here.now() + (store.clockAhead ?? 0);
  const half = endOfLock({ ...locks.rule, days: locks.rule.days / 2 }, 0).getTime();
  let renewed = 0;
  for (const prefix of lockedPrefixes) {
    const old: string[] = [];
    for await (const { name, modified } of store.list(prefix)) {
      const mayBeShort = modified.getTime() + half < now || isFoundation(name);
      if (isLockable(name) && !dead.has(name) && mayBeShort) old.push(name);
    }
    await concurrently(old, requestsAtOnce, async (name) => {
      if (signal.aborted) throw fail('INTERRUPTED', { action: 'the collection' });
      if (await renewLock(locks, name, now, half)) renewed += 1;
    });
  }
  return renewed;
}

/** What everything else is opened with. It is locked last when a repository is made, so maybe never was. */
function isFoundation(name: string): boolean {
  return name === configName || name.startsWith('keys/');
}

async function renewLock(locks: ObjectLocks, name: string, now: number, half: number): Promise<boolean> {
  const until = await locks.until(name);
  if (until !== null && until.getTime() >= now + half) return false;
  await locks.renew(name, now);
  return true;
}
