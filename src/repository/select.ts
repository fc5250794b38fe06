import type { Point } from './points.ts';
import type { Repository } from './repository.ts';

/** The point that `spec` names: an id, a unique prefix of one, `MACHINE/DISK@latest` or `MACHINE/DISK@TIME`. */
export async function selectPoint(_repo: Repository, _spec: string): Promise<Point> {
  throw new Error('being written');
}
