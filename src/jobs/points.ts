import { type DamagedPoint, listPoints, type Point, type PointFilter } from '../repository/points.ts';
import { type RepositoryAccess, withRepository } from './access.ts';

export type { DamagedPoint, PointFilter } from '../repository/points.ts';

/** A point as lists show it, without its manifest. */
export type ListedPoint = Omit<Point, 'manifest'>;

export interface ListedPoints {
  /** Newest first. */
  readonly points: readonly ListedPoint[];
  readonly damaged: readonly DamagedPoint[];
}

/** The points that pass the filter. */
export function pointsJob(access: RepositoryAccess, filter: PointFilter): Promise<ListedPoints> {
  return withRepository(access, async (repo) => {
    const { points, damaged } = await listPoints(repo, filter);
    return { points: points.map(({ manifest: _, ...listed }) => listed), damaged };
  });
}
