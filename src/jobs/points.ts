import { type KnownPoints, listKnownPoints } from '../repository/known-points.ts';
import { type PointFilter, pointIds } from '../repository/points.ts';
import { type RepositoryAccess, withRepository } from './access.ts';

export type { DamagedPoint, ListedPoint, PointFilter } from '../repository/points.ts';

/** The points that pass the filter. Their names need no key: they are listed while that is derived. */
export function pointsJob(access: RepositoryAccess, filter: PointFilter): Promise<KnownPoints> {
  let listing: Promise<string[]> | undefined;
  return withRepository(access, (repo) => listKnownPoints(repo, filter, listing), {
    whileUnlocking: (store) => {
      listing = pointIds(store);
      listing.catch(() => undefined); // who waits for it says what is wrong
    },
  });
}
