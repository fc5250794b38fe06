/**
 * Packs that are damaged around their frames: without an index no backup finds what is in them. What is whole is stored in
 * new packs, sealed as it is, and the maps name it there from then on.
 */
import { packName, packOfRun } from '../../repository/packs.ts';
import type { Repository } from '../../repository/repository.ts';
import type { Maps, OwnMap } from './inventory.ts';
import type { Workshop } from './workshop.ts';

/** The maps that name a pack whose index cannot be read, each with these packs. */
export async function mapsInDamagedPacks(
  workshop: Workshop,
  maps: Maps,
): Promise<ReadonlyMap<OwnMap, readonly string[]>> {
  const damaged = new Set(await workshop.packsWithoutIndex());
  const found = new Map<OwnMap, readonly string[]>();
  if (damaged.size === 0) return found;
  for (const map of maps.values()) {
    if (map.wrong.loc !== null) continue;
    const named = (await workshop.packsOf(map.layer.loc)).filter((id) => damaged.has(id));
    if (named.length > 0) found.set(map, named);
  }
  return found;
}

/** Stores the whole frames of packs in new packs of this run. Not referred to yet, they are nobody's when it is cut short. */
export async function salvagePacks(
  repo: Repository,
  workshop: Workshop,
  run: string,
  packs: ReadonlySet<string>,
): Promise<void> {
  for (const [n, pack] of [...packs].entries()) {
    const id = packOfRun(run, n);
    const made = await workshop.salvage(pack, id);
    if (made === null) continue;
    await repo.store.adopt(packName(id), made.path);
    workshop.replacePack(pack, repo.store.packRef(id, packName(id), made.bytes));
  }
}
