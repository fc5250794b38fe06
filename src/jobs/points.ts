import { type KnownPoints, listKnownPoints } from '../repository/known-points.ts';
import type { PointFilter } from '../repository/points.ts';
import { type RepositoryAccess, withRepository } from './access.ts';

export type { DamagedPoint, ListedPoint, PointFilter } from '../repository/points.ts';

/** The points that pass the filter. */
export function pointsJob(access: RepositoryAccess, filter: PointFilter): Promise<KnownPoints> {
  return withRepository(access, (repo) => listKnownPoints(repo, filter));
}
