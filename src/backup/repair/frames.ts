/** Frames that are damaged or lost, and whole copies of the same blocks elsewhere. */
import { randomInt } from 'node:crypto';
import { fromNative } from '../../errors.ts';
import { native } from '../../native.ts';
import { concurrently } from '../../repository/concurrently.ts';
import type { Emit } from '../../repository/events.ts';
import { checkContent, type Inspection } from '../check.ts';
import { mendDigests, replace } from './columns.ts';
import type { Inventory, Maps, OwnMap } from './inventory.ts';
import type { Workshop } from './workshop.ts';

/**
 * Reads every frame that the maps name; the workshop learns which are damaged. Returns the maps whose digest column has a
 * wrong quick check.
 */
export async function readFrames(workshop: Workshop, maps: Maps, emit: Emit): Promise<ReadonlySet<OwnMap>> {
  const { repo, signal } = workshop;
  const readable = [...maps.values()].filter(({ wrong }) => wrong.loc === null && wrong.dig === null);
  const total = readable.reduce((sum, { manifest }) => sum + manifest.size, 0);
  const suspects = workshop.bad;
  const seed = randomInt(2 ** 32);
  const counters = { position: 0, total, bytesRead: 0, blocksChecked: 0 };
  const inspection: Inspection = { repo, seed, suspects, emit, signal, ...counters };
  const wrong = new Set<OwnMap>();
  for (const map of readable) {
    const { damage, bad, good } = await checkContent(inspection, [map.layer], map.manifest, 100);
    workshop.learn(bad, good);
    if (damage.some(({ code }) => code === 'MAP_DAMAGED')) wrong.add(map);
  }
  return wrong;
}

/** Gives blocks of a map in missing packs and damaged frames another place, where there is a whole copy. */
export async function replacePlaces(workshop: Workshop, inventory: Inventory, map: OwnMap): Promise<void> {
  const { manifest, layer, wrong } = map;
  if (wrong.loc !== null || wrong.dig !== null) return;
  if ((await lostIn(workshop, [map])).length === 0 && !(await workshop.isReplaced(layer.loc))) return;
  const outcome = await workshop.rebuild(map, 'loc');
  if (outcome.mended === 0) return;
  replace(map, 'loc', outcome, `${outcome.mended} blocks lay in damaged or missing packs, and were found elsewhere`);
  if (outcome.wrongQuickCheck) await mendDigests(workshop, inventory, map, quickChecks(manifest.id));
}

/** Why a digest column is made anew of which only the quick checks are wrong. */
export function quickChecks(point: string): string {
  return `quick checks of blocks of point ${point} were not known`;
}

/** Parts of a disk that cannot be read, as the maps of its chain stand now. */
export async function lostIn(workshop: Workshop, maps: readonly OwnMap[]) {
  const [newest] = maps;
  if (newest === undefined) return [];
  const { vault } = workshop.repo;
  const missing = await concurrently(maps, 8, ({ layer }) => workshop.missingPacks(layer.loc));
  const { size, blockSize, id } = newest.manifest;
  const chain = maps.map(({ layer }) => layer);
  try {
    return await native.lostRanges({
      vault,
      chain,
      size,
      blockSize,
      missingPacks: [...new Set(missing.flat())],
      badPlaces: workshop.bad,
    });
  } catch (error) {
    throw fromNative(error, `point ${id}`);
  }
}
