/**
 * Rewriting sparse packs: frames that are needed are copied, sealed as they are, into new packs, and the maps that name
 * them are written anew beside the old ones. A mark of the point says where its map lies from then on. The old packs and
 * maps are dead by that and go the way of everything dead, so who reads by them goes on undisturbed.
 */
import { fail, fromNative } from '../../errors.ts';
import type { Layer, WrittenColumn } from '../../native/maps.ts';
import { native } from '../../native.ts';
import { concurrently } from '../concurrently.ts';
import type { Emit } from '../events.ts';
import type { Lease } from '../lease.ts';
import type { MovedColumns } from '../manifest.ts';
import { writeMark } from '../marks.ts';
import { PackStoring } from '../pack-storing.ts';
import { packName, runOfPack } from '../packs.ts';
import type { Repository } from '../repository.ts';
import { watch } from '../watch.ts';
import type { Survey } from './survey.ts';

export interface Rewritten {
  /** Sparse packs whose frames lie elsewhere now. */
  readonly packs: number;
  /** Points whose maps were written anew. */
  readonly points: number;
  readonly bytesCloned: number;
  readonly bytesCopied: number;
}

export const nothingRewritten: Rewritten = { packs: 0, points: 0, bytesCloned: 0, bytesCopied: 0 };

export interface RewriteOrder {
  /** 0 … 1: so much of all bytes in packs may be unused; null: as much as there is. */
  readonly maxUnused: number | null;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

interface Sparse {
  readonly point: string;
  readonly layer: Layer;
}

/** Rewrites the sparsest packs until no more is unused than may be. */
export async function rewriteSparsePacks(
  repo: Repository,
  lease: Lease,
  found: Survey,
  { maxUnused, emit, signal }: RewriteOrder,
): Promise<Rewritten> {
  const sparse = maxUnused === null ? [] : sparsestPacks(found, maxUnused);
  if (sparse.length === 0) return nothingRewritten;
  emit({ event: 'stage', stage: 'rewrite' });
  const concerned = await pointsIn(repo, found, new Set(sparse));
  const outcome = await relocate(repo, lease, found, concerned, sparse, signal);
  for (const [i, { point }] of concerned.entries()) {
    const column = outcome.columns[i];
    if (column !== undefined) await place(repo, lease, found, point, column);
  }
  const { bytesCloned, bytesCopied } = outcome;
  return { packs: sparse.length, points: concerned.length, bytesCloned, bytesCopied };
}

/** The packs to rewrite, sparsest first. */
export function sparsestPacks(
  { packs, liveBytes, atWork }: Pick<Survey, 'packs' | 'liveBytes' | 'atWork'>,
  maxUnused: number,
): readonly string[] {
  const candidates: { id: string; bytes: number; unused: number }[] = [];
  let [total, unused] = [0, 0];
  for (const [id, live] of liveBytes) {
    const bytes = packs.get(id) ?? 0;
    total += bytes;
    unused += Math.max(0, bytes - live);
    if (!atWork.has(runOfPack(id))) candidates.push({ id, bytes, unused: Math.max(0, bytes - live) });
  }
  candidates.sort((a, b) => b.unused / b.bytes - a.unused / a.bytes);
  const chosen: string[] = [];
  for (const pack of candidates) {
    if (unused <= maxUnused * total || pack.unused === 0) break;
    chosen.push(pack.id);
    unused -= pack.unused;
    total -= pack.unused;
  }
  return chosen;
}

/** The needed points whose own maps name a frame in one of the packs. */
async function pointsIn(repo: Repository, { layers }: Survey, packs: ReadonlySet<string>): Promise<readonly Sparse[]> {
  const named = await concurrently([...layers], 4, async ([point, layer]) => {
    try {
      const ids = await native.packsOf(repo.vault, layer.loc);
      return ids.some((id) => packs.has(id)) ? [{ point, layer }] : [];
    } catch (error) {
      throw fromNative(error, layer.loc.path);
    }
  });
  return named.flat();
}

async function relocate(
  repo: Repository,
  lease: Lease,
  { chains }: Survey,
  concerned: readonly Sparse[],
  sparse: readonly string[],
  signal: AbortSignal,
) {
  const spool = await repo.store.spool(lease.id);
  const storing = new PackStoring((id, path) => repo.store.adopt(packName(id), path));
  try {
    const run = native.startRelocation({
      vault: repo.vault,
      packs: repo.store.packs,
      packSize: repo.config.packSize,
      blockSize: repo.config.blockSize,
      spool,
      runId: lease.id,
      clone: 'auto',
      live: chains,
      columns: concerned.map(({ layer }) => layer.loc),
      sparse,
      onPack: (pack) => storing.take(run, pack),
    });
    const outcome = await watch(run, signal, () => undefined);
    if (outcome.cancelled) throw fail('INTERRUPTED', { action: 'the collection' });
    return outcome;
  } catch (error) {
    throw storing.failure ?? fromNative(error, repo.location);
  } finally {
    await storing.ended();
  }
}

/** Gives a point's new location column its name, and has the point use it. */
async function place(
  repo: Repository,
  lease: Lease,
  { moved }: Survey,
  point: string,
  { path, bytes, indexOffset, indexLength, indexDigest }: WrittenColumn,
): Promise<void> {
  const name = `maps/${point}.loc.${lease.id}`;
  await repo.store.adopt(name, path);
  await lease.check();
  const columns: MovedColumns = { ...moved.get(point), loc: { name, bytes, indexOffset, indexLength, indexDigest } };
  await writeMark(repo, point, 'moved', true, columns);
}
