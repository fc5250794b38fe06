/** Executes the plan of a synthetic full: packs, then columns, then the manifest. */
import { hostname } from 'node:os';
import { fail, fromNative, isStrataError } from '../errors.ts';
import { native, type PackRef, type SynthesisOutcome, type WrittenColumn } from '../native.ts';
import { chainOf } from '../repository/chain.ts';
import { commitManifest } from '../repository/commit.ts';
import type { Emit, Warning } from '../repository/events.ts';
import type { Lease } from '../repository/lease.ts';
import { columnName, type Manifest, type MapColumn } from '../repository/manifest.ts';
import { PackStoring } from '../repository/pack-storing.ts';
import { packName } from '../repository/packs.ts';
import { readManifest } from '../repository/points.ts';
import type { Repository } from '../repository/repository.ts';
import { software } from '../repository/software.ts';
import { watch } from '../repository/watch.ts';
import type { SynthesisPlan } from './plan.ts';
import { clearProgress, findProgress, noteProgress } from './progress.ts';
import type { CopyWay } from './way.ts';

export interface Build {
  readonly repo: Repository;
  readonly lease: Lease;
  readonly plan: SynthesisPlan;
  readonly clone: CopyWay;
  readonly warn: (warning: Warning) => void;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

export interface Built {
  readonly manifest: Manifest;
  readonly outcome: SynthesisOutcome;
}

/** Makes the point. ROOT_MISMATCH, and nothing made, when the merged maps are not those of the point they are to equal. */
export async function build(task: Build): Promise<Built> {
  const { repo, lease, plan, emit } = task;
  const { point } = plan;
  const started = Date.now();
  emit({ event: 'stage', stage: 'merge' });
  const outcome = plan.mode === 'copy' ? await copy(task) : await merge(task, []);
  if (outcome.root !== point.manifest.root) throw fail('ROOT_MISMATCH', { point: point.id });
  emit({ event: 'stage', stage: 'commit' });
  await repo.store.adopt(columnName(lease.id, 'loc'), outcome.loc.path);
  await repo.store.adopt(columnName(lease.id, 'dig'), outcome.dig.path);
  const seconds = (Date.now() - started) / 1000;
  await commitManifest(repo, lease, manifestOf(lease.id, plan, outcome, seconds));
  // Read back rather than trusted: others will be forgotten for it.
  const manifest = await readManifest(repo, lease.id);
  await chainOf(repo, manifest);
  if (plan.mode === 'copy') await clearProgress(repo, point.id);
  return { manifest, outcome };
}

/** Copies, after what broken runs have copied already; without that when it does not fit. */
async function copy(task: Build): Promise<SynthesisOutcome> {
  const { repo, lease, plan, warn } = task;
  const resume = await findProgress(repo, plan.point.id);
  try {
    return await merge(task, resume);
  } catch (error) {
    if (resume.length === 0 || !isStrataError(error, 'RESUME_MISMATCH', 'FRAME_DAMAGED', 'PACK_READ')) throw error;
    warn({ code: 'NOT_RESUMED', message: `what a broken run had copied is not used: ${error.message}` });
    await clearProgress(repo, plan.point.id);
    await repo.store.clearSpool(lease.id);
    return merge(task, []);
  }
}

async function merge(
  { repo, lease, plan, clone, emit, signal }: Build,
  resume: readonly PackRef[],
): Promise<SynthesisOutcome> {
  const { point, mode, layers } = plan;
  const spool = await repo.store.spool(lease.id);
  let noted: Promise<void> | undefined;
  const storing = new PackStoring(async (id, path) => {
    noted ??= noteProgress(repo, point.id, lease.id);
    await noted;
    await repo.store.adopt(packName(id), path);
  });
  try {
    const run = native.startSynthesis({
      vault: repo.vault,
      chain: layers,
      packs: repo.store.packs,
      size: point.size,
      blockSize: point.manifest.blockSize,
      spool,
      runId: lease.id,
      mode,
      packSize: repo.config.packSize,
      resume,
      clone,
      onPack: (pack) => storing.take(run, pack),
    });
    const outcome = await watch(run, signal, ({ position }) =>
      emit({ event: 'progress', position: Math.min(position, point.size), total: point.size }),
    );
    if (outcome.cancelled) throw fail('INTERRUPTED', { action: `the synthesis of point ${point.id}` });
    return outcome;
  } catch (error) {
    throw storing.failure ?? fromNative(error, `point ${point.id}`);
  } finally {
    await storing.ended();
  }
}

function manifestOf(id: string, plan: SynthesisPlan, outcome: SynthesisOutcome, seconds: number): Manifest {
  const { point, mode, mergedPoints } = plan;
  const stored = outcome.bytesCloned + outcome.bytesCopied + outcome.bytesResumed;
  return {
    ...point.manifest,
    id,
    kind: 'synthetic',
    parent: null,
    chainLength: 1,
    map: {
      loc: columnOf(outcome.loc),
      dig: columnOf(outcome.dig),
      dataBlocks: outcome.mapDataBlocks,
      zeroBlocks: outcome.mapZeroBlocks,
    },
    synthesis: { of: point.id, mergedPoints, mode },
    stats: {
      bytesRead: 0,
      bytesNew: 0,
      bytesStored: stored,
      blocks: { changed: 0, zero: 0, deduplicated: outcome.mapDataBlocks },
      seconds,
    },
    host: hostname(),
    software,
  };
}

function columnOf({ bytes, indexOffset, indexLength, indexDigest }: WrittenColumn): MapColumn {
  return { bytes, indexOffset, indexLength, indexDigest };
}
