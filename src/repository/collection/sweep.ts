/** Removes what is in bags of the trash whose time has come. */
import { fail } from '../../errors.ts';
import type { Lease } from '../lease.ts';
import type { Repository } from '../repository.ts';
import { dropBag, type TrashBag } from '../trash.ts';

/** Names removed between two looks at the lease. */
const batch = 1000;

/** Writing goes packs, maps, manifest; removing goes the other way, each kind durably gone before the next. */
const order = ['points/', 'marks/', 'maps/', 'progress/', 'packs/', 'bad/'] as const;

/** Stopped or killed, it is gone on with by the next collection: what is left is in the trash still. */
export async function sweep(
  repo: Repository,
  lease: Lease,
  bags: readonly TrashBag[],
  signal: AbortSignal,
): Promise<void> {
  const names = [...new Set(bags.flatMap((bag) => [...bag.names]))];
  for (const prefix of order) {
    const some = names.filter((name) => name.startsWith(prefix));
    for (let at = 0; at < some.length; at += batch) {
      if (signal.aborted) throw fail('INTERRUPTED', { action: 'the collection' });
      await lease.check();
      await repo.store.removeAll(some.slice(at, at + batch));
    }
  }
  for (const bag of bags) await dropBag(repo, bag);
}
