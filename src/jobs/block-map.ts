import { type BlockMap, blockMapOf } from '../repository/block-map.ts';
import type { Emit } from '../repository/events.ts';
import { selectPoint } from '../repository/select.ts';
import { type RepositoryAccess, withRepository } from './access.ts';

export type { BlockMap, MapOwner } from '../repository/block-map.ts';

/** Which points of its chain the parts of a point's disk come from, in `cells` parts; `emit` hears of warnings. */
export function blockMapJob(access: RepositoryAccess, spec: string, cells: number, emit: Emit): Promise<BlockMap> {
  return withRepository(access, async (repo) => blockMapOf(repo, await selectPoint(repo, spec, emit), cells));
}
