/** What runs that died left behind: their packs that arrived stay and are used, everything else goes. */
import type { PackRef } from '../native/maps.ts';
import type { Emit } from './events.ts';
import { type Here, thisProcess } from './here.ts';
import { findLeases, removeLeaseState } from './leases.ts';
import { manifestName } from './manifest.ts';
import { runOfPack } from './packs.ts';
import type { Repository } from './repository.ts';

/** Far longer than any write of one object takes. */
const unfinishedAfter = 3_600_000;

/**
 * Has packs arrive that backups which died on this machine had begun to send; before the packs are listed. Not those of syntheses: they may be joined of
 * parts of others, and their files hold the end alone.
 */
export async function finishUploads(repo: Repository, here: Here = thisProcess()): Promise<void> {
  const { store } = repo;
  const spools = await store.spools();
  if (spools.length === 0) return;
  for (const { id, dead, record } of await findLeases(repo, here)) {
    if (dead && record?.purpose === 'backup' && spools.includes(id)) await store.finishUploads(id);
  }
}

/** Removes what dead runs left, and tells of each that had not come to its point. */
export async function clearLeftovers(
  repo: Repository,
  packs: ReadonlyMap<string, PackRef>,
  emit: Emit,
  here: Here = thisProcess(),
): Promise<void> {
  const { store } = repo;
  // Spools first: a run has its lease before its spool, so a spool seen now without a lease is nobody's.
  const spools = await store.spools();
  const leases = await findLeases(repo, here);
  const deadLeases = leases.filter(({ dead }) => dead);
  for (const lease of deadLeases) {
    const arrived = [...packs.values()].filter(({ id }) => runOfPack(id) === lease.id);
    const wrote = !lease.ended && (lease.record === null || lease.record.purpose === 'backup');
    if (wrote && (await store.stat(manifestName(lease.id))) === null) {
      emit({
        event: 'resumed',
        run: lease.id,
        machine: lease.record?.machine ?? null,
        disk: lease.record?.disk ?? null,
        packs: arrived.length,
        bytes: arrived.reduce((sum, { bytes }) => sum + bytes, 0),
      });
    }
    await store.clearSpool(lease.id);
    for (const name of lease.objects) await removeLeaseState(repo, name);
  }
  const held = new Set(leases.map(({ id }) => id));
  for (const run of spools.filter((id) => !held.has(id))) await store.clearSpool(run);
  await store.clearUnfinished(new Date(here.now() - unfinishedAfter), new Set(deadLeases.map(({ id }) => id)));
}
