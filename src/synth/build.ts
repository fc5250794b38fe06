/** Executes the plan of a synthetic full: packs, then columns, then the manifest. */
import { hostname } from 'node:os';
import { fail, fromNative } from '../errors.ts';
import type { PackRef, WrittenColumn } from '../native/maps.ts';
import type { SynthesisOutcome } from '../native/synthesis.ts';
import { native } from '../native.ts';
import { chainOf } from '../repository/chain.ts';
import { commitManifest } from '../repository/commit.ts';
import type { Emit, Warning } from '../repository/events.ts';
import type { Lease } from '../repository/lease.ts';
import { columnName, type Manifest, type MapColumn } from '../repository/manifest.ts';
import { PackStoring } from '../repository/pack-storing.ts';
import { numberOfPack, packName } from '../repository/packs.ts';
import { readManifest } from '../repository/points.ts';
import type { Repository } from '../repository/repository.ts';
import { software } from '../repository/software.ts';
import { watch } from '../repository/watch.ts';
import { type JoinPlan, joiningOf, nothingJoined, planJoining } from './joining.ts';
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

interface Merged {
  readonly outcome: SynthesisOutcome;
  readonly joined: JoinPlan;
}

export interface Built extends Merged {
  readonly manifest: Manifest;
}

/** Makes the point. ROOT_MISMATCH, and nothing made, when the merged maps are not those of the point they are to equal. */
export async function build(task: Build): Promise<Built> {
  const { repo, lease, plan, emit } = task;
  const { point } = plan;
  const started = Date.now();
  emit({ event: 'stage', stage: 'merge' });
  const { outcome, joined } = plan.mode === 'copy' ? await copy(task) : await merge(task, [], nothingJoined);
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
  return { manifest, outcome, joined };
}

/** Copies what broken runs have not copied already; in object storage the server does what it can. */
async function copy(task: Build): Promise<Merged> {
  const { repo, plan, warn } = task;
  const resume = await findProgress(repo, plan.point.id);
  const joining = joiningOf(repo);
  if (joining !== null) return merge(task, resume, await planJoining(repo, plan, resume, joining));
  if (repo.store.folder === null) {
    warn({ code: 'NOT_JOINED', message: 'the server cannot copy parts of objects: all went through this machine' });
  }
  return merge(task, resume, nothingJoined);
}

async function merge(
  { repo, lease, plan, clone, emit, signal }: Build,
  resume: readonly PackRef[],
  joined: JoinPlan,
): Promise<Merged> {
  const { point, mode, layers } = plan;
  const spool = await repo.store.spool(lease.id);
  let noted: Promise<void> | undefined;
  const storing = new PackStoring(async (id, path) => {
    noted ??= noteProgress(repo, point.id, lease.id);
    await noted;
    const parts = joined.packs[numberOfPack(id)]?.parts;
    if (parts === undefined) return repo.store.adopt(packName(id), path);
    const ranges = parts.map(({ pack, offset, length }) => ({ name: packName(pack), offset, length }));
    await repo.store.joining?.join(packName(id), ranges, path);
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
      assembly: joined.packs,
      clone,
      onPack: (pack) => storing.take(run, pack),
    });
    const outcome = await watch(run, signal, ({ position }) =>
      emit({ event: 'progress', position: Math.min(position, point.size), total: point.size }),
    );
    if (outcome.cancelled) throw fail('INTERRUPTED', { action: `the synthesis of point ${point.id}` });
    return { outcome, joined };
  } catch (error) {
    throw storing.failure ?? fromNative(error, `point ${point.id}`);
  } finally {
    await storing.ended();
  }
}

function manifestOf(id: string, plan: SynthesisPlan, outcome: SynthesisOutcome, seconds: number): Manifest {
  const { point, mode, mergedPoints } = plan;
  const stored = outcome.bytesJoined + outcome.bytesCloned + outcome.bytesCopied + outcome.bytesResumed;
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
