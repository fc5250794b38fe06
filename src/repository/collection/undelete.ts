/** Brings a forgotten point back, as long as all that it needs is there. */
import { randomBytes } from 'node:crypto';
import { fail, fromNative, isStrataError } from '../../errors.ts';
import { native } from '../../native.ts';
import { chainOf } from '../chain.ts';
import { Lease } from '../lease.ts';
import { type Manifest, manifestName } from '../manifest.ts';
import { writeMark } from '../marks.ts';
import { listPacks } from '../packs.ts';
import { listPoints, type Point } from '../points.ts';
import type { Repository } from '../repository.ts';
import { readTrash } from '../trash.ts';
import { takeOut } from './bags.ts';

/** Shortest beginning of an id that is taken for it. */
const shortestPrefix = 4;

/** The point that was brought back. LOCKED while a collection is at work; POINT_GONE when it is too late. */
export async function undelete(repo: Repository, spec: string): Promise<Point> {
  // Excludes collections: nothing is swept between the look at what is there and the mark.
  const run = randomBytes(12).toString('hex');
  const lease = await Lease.take(repo, run, { purpose: 'collection' }, () => undefined);
  try {
    const point = await findForgotten(repo, spec);
    await requireContent(repo, point.manifest);
    await lease.check();
    // Out of the trash first: forgotten again later, it must wait for whoever reads it from now on.
    for (const bag of await readTrash(repo)) await takeOut(repo, bag, manifestName(point.id));
    await writeMark(repo, point.id, 'forgotten', false);
    return { ...point, forgotten: false };
  } finally {
    await lease.release();
  }
}

async function findForgotten(repo: Repository, spec: string): Promise<Point> {
  const prefix = spec.toLowerCase();
  if (!/^[0-9a-f]+$/.test(prefix) || prefix.length < shortestPrefix) {
    throw fail('USAGE', { problem: `${spec} is not the id of a point, nor at least ${shortestPrefix} digits of one` });
  }
  const { points } = await listPoints(repo, { includeForgotten: true });
  const matching = points.filter(({ id }) => id.startsWith(prefix));
  const forgotten = matching.filter((point) => point.forgotten);
  const [only] = forgotten;
  if (only !== undefined && forgotten.length === 1) return only;
  if (only !== undefined) {
    throw fail('POINT_AMBIGUOUS', {
      spec,
      candidates: forgotten
        .map(({ id }) => id)
        .slice(0, 5)
        .join(', '),
    });
  }
  if (matching.length > 0) throw fail('USAGE', { problem: `point ${matching[0]?.id} was not forgotten` });
  throw fail('POINT_NOT_FOUND', { spec });
}

async function requireContent(repo: Repository, manifest: Manifest): Promise<void> {
  const point = manifest.id;
  try {
    const { layers } = await chainOf(repo, manifest);
    const { packs: needed } = await native.statistics({
      vault: repo.vault,
      chain: layers,
      blockSize: manifest.blockSize,
    });
    const packs = await listPacks(repo);
    const missing = needed.filter((id) => !packs.has(id));
    if (missing.length === 0) return;
    throw fail('POINT_GONE', { point, reason: `${missing.length} of the packs that it needs are gone` });
  } catch (error) {
    const failure = fromNative(error, `point ${point}`);
    if (!isStrataError(failure, 'CHAIN_BROKEN', 'MAP_MISSING', 'MAP_DAMAGED')) throw failure;
    throw fail('POINT_GONE', { point, reason: failure.message }, { cause: failure });
  }
}
