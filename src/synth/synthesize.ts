/**
 * Synthetic fulls: the chain of a point becomes one full map of it, a point of its own with the same time and content.
 *
 * The new point is committed last, once the root over its digests equals that of the point that it is made of. Killed
 * before that, packs that were stored are found by the next synthesis of the same point, and it goes on after them.
 */
import { randomBytes } from 'node:crypto';
import type { Emit, Warning } from '../repository/events.ts';
import { Lease, renewalWarning } from '../repository/lease.ts';
import { clearLeftovers } from '../repository/leftovers.ts';
import { listPacks } from '../repository/packs.ts';
import type { Repository } from '../repository/repository.ts';
import { build } from './build.ts';
import { joiningOf, planJoining } from './joining.ts';
import {
  type NothingToDo,
  planSynthesis,
  type SynthesisMode,
  type SynthesisPlan,
  type SynthesisSubject,
} from './plan.ts';
import { findProgress } from './progress.ts';
import { wayToCopy } from './way.ts';

export interface SynthesisRequest extends SynthesisSubject {
  /** With `copy`: refuse a store that cannot share extents. */
  readonly requireClone: boolean;
  readonly dryRun: boolean;
}

export interface SynthesisResult {
  /** The new point; null for a dry run, and when there was nothing to be done. */
  readonly point: string | null;
  readonly dryRun: boolean;
  /** Why nothing was done; null when something was, or would be. */
  readonly nothingToDo: string | null;
  readonly machine: string;
  readonly disk: string;
  /** The point that it equals. */
  readonly of: string;
  readonly mode: SynthesisMode;
  readonly mergedPoints: number;
  /** Of frames that the new map refers to where they were. */
  readonly bytesReferenced: number;
  /** Of frames that the file system shares, or that the server copied: they did not pass through this machine. */
  readonly bytesCopiedByStore: number;
  /** That the server copied with these, although nothing needs them: they lie between. */
  readonly bytesUnused: number;
  /** Read and written. */
  readonly bytesThroughClient: number;
  /** In packs that an earlier run, which was killed, had stored. */
  readonly bytesResumed: number;
  /** Always 0: what is not needed any more is forgotten, then collected. */
  readonly bytesFreed: number;
  readonly root: string;
  readonly warnings: readonly Warning[];
  readonly seconds: number;
}

type Done = Omit<SynthesisResult, 'warnings' | 'seconds'>;

/** Makes a synthetic full. LOCKED while another synthesis of the disk is at work. */
export async function synthesize(
  repo: Repository,
  request: SynthesisRequest,
  emit: Emit,
  signal: AbortSignal,
): Promise<SynthesisResult> {
  const started = Date.now();
  const warnings: Warning[] = [];
  const warn = (warning: Warning) => {
    warnings.push(warning);
    emit({ event: 'warning', ...warning });
  };
  const finish = (done: Done) => ({ ...done, warnings, seconds: (Date.now() - started) / 1000 });
  if (request.dryRun) return finish(await dryRun(repo, request, emit));

  const { machine, disk } = request;
  const trouble = (error: unknown) => warn(renewalWarning(error));
  const claim = { purpose: 'synthesis', machine, disk } as const;
  // The lease before anything is read: what is read from then on is not freed.
  const lease = await Lease.take(repo, randomBytes(12).toString('hex'), claim, trouble);
  try {
    await clearLeftovers(repo, await listPacks(repo), emit);
    emit({ event: 'stage', stage: 'check' });
    const plan = await planSynthesis(repo, request, emit);
    if ('reason' in plan) return finish(nothingDone(request, plan));
    const way = plan.mode === 'copy' ? await wayToCopy(repo, lease.id, plan, request.requireClone) : 'never';
    emit({ event: 'started', action: 'synthesis', subject: plan.point.id, machine, disk, size: plan.point.size });
    const { manifest, outcome, joined } = await build({ repo, lease, plan, clone: way, warn, emit, signal });
    const referenced = plan.mode === 'reference';
    return finish({
      ...planned(request, plan),
      point: manifest.id,
      bytesReferenced: referenced ? outcome.bytesReferenced : 0,
      bytesCopiedByStore: outcome.bytesCloned + outcome.bytesJoined,
      bytesUnused: joined.bytesUnused,
      bytesThroughClient: outcome.bytesCopied,
      bytesResumed: outcome.bytesResumed,
    });
  } finally {
    await repo.store.clearSpool(lease.id);
    await lease.release();
  }
}

/** Says what would be done; whether a file system would share extents is not known before it is tried. */
async function dryRun(repo: Repository, request: SynthesisRequest, emit: Emit): Promise<Done> {
  emit({ event: 'stage', stage: 'check' });
  const plan = await planSynthesis(repo, request, emit);
  if ('reason' in plan) return nothingDone(request, plan);
  const { storedBytes } = plan.statistics;
  if (plan.mode === 'reference') return { ...planned(request, plan), bytesReferenced: storedBytes };
  const joining = joiningOf(repo);
  if (joining === null) return { ...planned(request, plan), bytesThroughClient: storedBytes };
  const resume = await findProgress(repo, plan.point.id);
  const { bytesJoined, bytesUnused, bytesLeft } = await planJoining(repo, plan, resume, joining);
  return { ...planned(request, plan), bytesCopiedByStore: bytesJoined, bytesUnused, bytesThroughClient: bytesLeft };
}

function planned(request: SynthesisRequest, { point, mode, mergedPoints }: SynthesisPlan): Done {
  const { machine, disk, dryRun } = request;
  return { ...none, machine, disk, dryRun, of: point.id, mode, mergedPoints, root: point.manifest.root };
}

function nothingDone(request: SynthesisRequest, { point, reason }: NothingToDo): Done {
  const { machine, disk, dryRun, mode } = request;
  return { ...none, machine, disk, dryRun, of: point.id, mode, nothingToDo: reason, root: point.manifest.root };
}

const none = {
  point: null,
  nothingToDo: null,
  mergedPoints: 0,
  bytesReferenced: 0,
  bytesCopiedByStore: 0,
  bytesUnused: 0,
  bytesThroughClient: 0,
  bytesResumed: 0,
  bytesFreed: 0,
} as const;
