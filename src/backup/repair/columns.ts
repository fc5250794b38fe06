/** Columns of maps that cannot be read, and new ones in their place: each column can be made from the other and the packs. */
import { errorTable, fail, fromNative, type StrataError } from '../../errors.ts';
import type { Chain } from '../../native/maps.ts';
import type { RebuildOutcome } from '../../native/restore.ts';
import { native } from '../../native.ts';
import { type Column, layerOf } from '../../repository/chain.ts';
import type { Manifest, MovedColumns } from '../../repository/manifest.ts';
import type { Repository } from '../../repository/repository.ts';
import type { Inventory, OwnMap } from './inventory.ts';
import type { Workshop } from './workshop.ts';

/** Reads both columns of a map through and notes what is wrong with them. */
export async function examineColumns(repo: Repository, map: OwnMap, moved: MovedColumns | undefined): Promise<void> {
  const { manifest, layer } = map;
  const { size, blockSize } = manifest;
  const chain = [layer];
  const { vault } = repo;
  map.wrong.loc = await damageIn(layer.loc.path, async () => {
    await layerOf(repo, manifest, moved, ['loc']);
    await native.statistics({ vault, chain, blockSize });
  });
  map.wrong.dig = await damageIn(layer.dig.path, async () => {
    await layerOf(repo, manifest, moved, ['dig']);
    await native.contentRoot({ vault, chain, size, blockSize });
  });
}

/** Makes the columns of a map anew that are lost, as far as that can be done. */
export async function mendColumns(workshop: Workshop, inventory: Inventory, map: OwnMap): Promise<void> {
  const { loc, dig } = map.wrong;
  if (loc !== null && dig === null) replace(map, 'loc', await workshop.rebuild(map, 'loc'), loc.message);
  if (dig !== null && loc === null) await mendDigests(workshop, inventory, map, dig.message);
}

/** Makes the digest column of a map anew; it is taken only when it gives the roots that manifests name. */
export async function mendDigests(
  workshop: Workshop,
  inventory: Inventory,
  map: OwnMap,
  reason: string,
): Promise<void> {
  const { column } = await workshop.rebuild(map, 'dig');
  for (const chain of provingChains(inventory, map)) {
    const layers = chain.map((other) => (other === map ? { ...map.layer, dig: column } : other.layer));
    const proof = await provesRoot(workshop.repo, layers, chain[0]?.manifest ?? map.manifest);
    if (proof === 'yes') continue;
    if (proof === 'no' && map.wrong.dig !== null) map.wrong.dig = fail('ROOT_MISMATCH', { point: map.manifest.id });
    return;
  }
  replace(map, 'dig', { column }, reason);
}

/** Has the map use a column that was made. */
export function replace(
  map: OwnMap,
  column: Column,
  { column: written }: Pick<RebuildOutcome, 'column'>,
  reason: string,
): void {
  map.layer = { ...map.layer, [column]: written };
  map.wrong[column] = null;
  map.anew.set(column, { written, reason: map.anew.get(column)?.reason ?? reason });
}

/**
 * The chains whose roots prove a map. Of a kept point its own; of a forgotten one those of the kept points next above it, for
 * what these hide may have been collected.
 */
function provingChains({ kept }: Inventory, map: OwnMap): (readonly OwnMap[])[] {
  const ids = new Set(kept.map(({ point }) => point.id));
  return kept
    .map(({ maps }) => maps)
    .filter((maps) => {
      const at = maps.indexOf(map);
      return at === 0 || (at > 0 && !maps.slice(1, at + 1).some(({ manifest }) => ids.has(manifest.id)));
    });
}

/** Whether digest columns give the root of a manifest; `unknown` when one of them cannot be read. */
async function provesRoot(
  { vault }: Repository,
  chain: Chain,
  { size, blockSize, root }: Manifest,
): Promise<'yes' | 'no' | 'unknown'> {
  let found = '';
  const damage = await damageIn('the digest columns', async () => {
    found = await native.contentRoot({ vault, chain, size, blockSize });
  });
  if (damage !== null) return 'unknown';
  return found === root ? 'yes' : 'no';
}

/** The damage that reading met; null when it met none. */
async function damageIn(path: string, read: () => Promise<unknown>): Promise<StrataError | null> {
  try {
    await read();
    return null;
  } catch (error) {
    const failure = fromNative(error, path);
    if (failure.exitCode !== errorTable.MAP_DAMAGED.exit) throw failure;
    return failure;
  }
}
