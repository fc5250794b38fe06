/** Columns of maps that cannot be read, and new ones in their place: each column can be made from the other and the packs. */
import { errorTable, fail, fromNative, type StrataError } from '../../errors.ts';
import { native, type RebuildOutcome } from '../../native.ts';
import { type Column, layerOf } from '../../repository/chain.ts';
import type { MovedColumns } from '../../repository/manifest.ts';
import type { Repository } from '../../repository/repository.ts';
import type { Maps, OwnMap } from './inventory.ts';
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
export async function mendColumns(workshop: Workshop, maps: Maps, map: OwnMap): Promise<void> {
  const { loc, dig } = map.wrong;
  if (loc !== null && dig === null) replace(map, 'loc', await workshop.rebuild(map, 'loc'), loc.message);
  if (dig !== null && loc === null) await mendDigests(workshop, maps, map, dig.message);
}

/** Makes the digest column of a map anew; it is taken only when it gives the root that the manifest names. */
export async function mendDigests(workshop: Workshop, maps: Maps, map: OwnMap, reason: string): Promise<void> {
  const { manifest, layer } = map;
  const { column } = await workshop.rebuild(map, 'dig');
  const chain = [{ ...layer, dig: column }, ...below(maps, map).map((other) => other.layer)];
  const { size, blockSize, root } = manifest;
  const found = await rootOf(workshop.repo, chain, size, blockSize);
  if (found === root) replace(map, 'dig', { column }, reason);
  else if (map.wrong.dig !== null && typeof found === 'string') {
    map.wrong.dig = fail('ROOT_MISMATCH', { point: manifest.id });
  }
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

/** The maps that a map stands on, newest first. */
function below(maps: Maps, { manifest }: OwnMap): OwnMap[] {
  const found: OwnMap[] = [];
  for (let map = maps.get(manifest.parent ?? ''); map !== undefined; map = maps.get(map.manifest.parent ?? '')) {
    found.push(map);
  }
  return found;
}

async function rootOf(
  { vault }: Repository,
  chain: readonly OwnMap['layer'][],
  size: number,
  blockSize: number,
): Promise<string | StrataError> {
  let root = '';
  const damage = await damageIn('the digest columns', async () => {
    root = await native.contentRoot({ vault, chain, size, blockSize });
  });
  return damage ?? root;
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
