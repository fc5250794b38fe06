/**
 * Consolidation keeps chains short and repositories small: of each disk the newest point becomes a synthetic full where
 * its chain has grown too long, then points are forgotten by rules, and in the end garbage is collected.
 *
 * Points are forgotten only after the new full was read back. A disk where something failed keeps all its points; the
 * others go on. Every step can be repeated: broken off, it is gone on with by the next consolidation.
 */
import { type ErrorCode, fail, isStrataError } from '../errors.ts';
import { type CollectionResult, collect } from '../repository/collection/collect.ts';
import { renewLocks } from '../repository/collection/renew.ts';
import type { Emit } from '../repository/events.ts';
import { type ForgetByRulesResult, forgetByRules } from '../repository/forget-by-rules.ts';
import { thisProcess } from '../repository/here.ts';
import { listPoints, type Point } from '../repository/points.ts';
import type { Repository } from '../repository/repository.ts';
import { checkRules, type RetentionRules } from '../repository/retention.ts';
import type { SynthesisMode } from './plan.ts';
import { type ChainPolicy, whyMerge } from './policy.ts';
import { proveMaps } from './prove.ts';
import { type SynthesisResult, synthesize } from './synthesize.ts';

export interface ConsolidationRequest extends ChainPolicy {
  /** Null: all disks. */
  readonly disks: readonly { readonly machine: string; readonly disk: string }[] | null;
  readonly mode: SynthesisMode;
  /** Null: nothing is forgotten, and nothing collected. */
  readonly rules: RetentionRules | null;
  /** IANA name; undefined: the machine's. */
  readonly timeZone?: string | undefined;
  /** As for a collection. */
  readonly grace: number;
  readonly maxUnused: number | null;
  readonly dryRun: boolean;
}

export interface ConsolidatedDisk {
  readonly machine: string;
  readonly disk: string;
  /** Why a synthetic full is made; null when none is. */
  readonly reason: string | null;
  readonly synthesis: SynthesisResult | null;
  readonly forgetting: ForgetByRulesResult | null;
  /** What kept the disk from being consolidated; its points all stayed. */
  readonly failure: Failure | null;
}

interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly exitCode: number;
}

export interface ConsolidationResult {
  readonly dryRun: boolean;
  readonly disks: readonly ConsolidatedDisk[];
  /** Null when nothing was to be forgotten, and when it failed. */
  readonly collection: CollectionResult | null;
  /** What kept garbage from being collected. */
  readonly collectionFailure: Failure | null;
  /** Disks that failed. */
  readonly failed: number;
  readonly bytesFreed: number;
  readonly seconds: number;
}

interface Task {
  readonly repo: Repository;
  readonly request: ConsolidationRequest;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/** Applies a policy. USAGE for one that asks for nothing, POINT_NOT_FOUND for a disk without points. */
export async function consolidate(
  repo: Repository,
  request: ConsolidationRequest,
  emit: Emit,
  signal: AbortSignal,
): Promise<ConsolidationResult> {
  const started = Date.now();
  checkRequest(request);
  const task: Task = { repo, request, emit, signal };
  const disks: ConsolidatedDisk[] = [];
  for (const points of await disksOf(task)) disks.push(await consolidateDisk(task, points));
  const { collection, collectionFailure } = await collectAfter(task);
  return {
    dryRun: request.dryRun,
    disks,
    collection,
    collectionFailure,
    failed: disks.filter(({ failure }) => failure !== null).length,
    bytesFreed: collection?.freed.bytes ?? 0,
    seconds: (Date.now() - started) / 1000,
  };
}

function checkRequest({ maxChain, fullEvery, rules }: ConsolidationRequest): void {
  if (maxChain === null && fullEvery === null && rules === null) {
    throw fail('USAGE', {
      problem: 'a consolidation needs a longest chain, an age of the full, or rules what to keep',
    });
  }
  if (rules !== null) checkRules(rules);
}

/** All points of each disk that is asked for, newest first, forgotten ones too. */
async function disksOf({ repo, request, emit }: Task): Promise<readonly (readonly Point[])[]> {
  const { points, damaged } = await listPoints(repo, { includeForgotten: true });
  for (const { message } of damaged) emit({ event: 'warning', code: 'MANIFEST_DAMAGED', message });
  const disks = new Map<string, Point[]>();
  for (const point of points) {
    const name = `${point.machine}/${point.disk}`;
    disks.set(name, [...(disks.get(name) ?? []), point]);
  }
  const isThere = (all: readonly Point[] | undefined) => all?.some(({ forgotten }) => !forgotten) === true;
  if (request.disks === null) return [...disks.values()].filter(isThere);
  return request.disks.map(({ machine, disk }) => {
    const all = disks.get(`${machine}/${disk}`);
    if (all === undefined || !isThere(all)) throw fail('POINT_NOT_FOUND', { spec: `of ${machine}/${disk}` });
    return all;
  });
}

async function consolidateDisk(task: Task, points: readonly Point[]): Promise<ConsolidatedDisk> {
  const { request, signal } = task;
  const [newest] = points.filter(({ forgotten }) => !forgotten);
  if (newest === undefined) throw new Error('a disk without points');
  const { machine, disk } = newest;
  const reason = whyMerge(newest, points, request);
  const done = { machine, disk, reason, synthesis: null, forgetting: null, failure: null };
  try {
    const synthesis = reason === null ? null : await mergeChain(task, newest);
    const forgetting = await forget(task, newest);
    return { ...done, synthesis, forgetting };
  } catch (error) {
    const failure = failureOf(error, signal);
    task.emit({ event: 'warning', code: 'NOT_CONSOLIDATED', message: `${machine}/${disk}: ${failure.message}` });
    return { ...done, failure };
  }
}

/** Collects what was forgotten. What keeps it from that is no reason to hide what was done for the disks. */
async function collectAfter({
  repo,
  request: { rules, grace, maxUnused, dryRun },
  emit,
  signal,
}: Task): Promise<Pick<ConsolidationResult, 'collection' | 'collectionFailure'>> {
  try {
    if (rules === null) {
      if (!dryRun) await renewLocks(repo, new Set(), thisProcess(), signal);
      return { collection: null, collectionFailure: null };
    }
    return { collection: await collect(repo, { grace, maxUnused, dryRun }, emit, signal), collectionFailure: null };
  } catch (error) {
    const collectionFailure = failureOf(error, signal);
    emit({ event: 'warning', code: 'NOT_COLLECTED', message: collectionFailure.message });
    return { collection: null, collectionFailure };
  }
}

/** What a result says of an error; throws those that are no failure of the task. */
function failureOf(error: unknown, signal: AbortSignal): Failure {
  if (!isStrataError(error) || signal.aborted) throw error;
  const { code, message, exitCode } = error;
  return { code, message, exitCode };
}

async function mergeChain({ repo, request, emit, signal }: Task, point: Point): Promise<SynthesisResult> {
  const { machine, disk, id: at } = point;
  const { mode, dryRun } = request;
  const result = await synthesize(repo, { machine, disk, at, mode, requireClone: false, dryRun }, emit, signal);
  if (result.point !== null) await proveMaps(repo, result.point, signal);
  return result;
}

async function forget({ repo, request, emit }: Task, { machine, disk }: Point): Promise<ForgetByRulesResult | null> {
  const { rules, timeZone, dryRun } = request;
  return rules === null ? null : forgetByRules(repo, { rules, machine, disk, timeZone, dryRun }, emit);
}
