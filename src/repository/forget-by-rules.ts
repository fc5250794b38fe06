/**
 * Forgetting by rules: what a policy keeps stays, everything else goes. Before anything goes, the chains of all that stays are
 * known to be whole, and what each point that goes would free is counted.
 */
import { fail, fromNative, isStrataError } from '../errors.ts';
import { type Chain, native } from '../native.ts';
import type { Emit } from './events.ts';
import { ancestorsOf, type ForgetResult, markForgotten } from './forget.ts';
import { liveChains } from './live-chains.ts';
import { openZone } from './periods.ts';
import { listPoints, type Point } from './points.ts';
import type { Repository } from './repository.ts';
import { planRetention, type RetentionRules } from './retention.ts';

export interface ForgetByRulesRequest {
  readonly rules: RetentionRules;
  /** Only the points of this machine, of this disk; absent: all. */
  readonly machine?: string | undefined;
  readonly disk?: string | undefined;
  /** IANA name; absent: the machine's. */
  readonly timeZone?: string | undefined;
  readonly dryRun: boolean;
}

export interface PlannedPoint {
  readonly id: string;
  readonly machine: string;
  readonly disk: string;
  readonly time: string;
  readonly keep: boolean;
  /** Why it is kept; of a dropped one the point that stands for it, if there is one. */
  readonly reasons: readonly string[];
  /** What collection can free once it is dropped, counted from the oldest to the newest; null for a point that is kept. */
  readonly bytesFreeable: number | null;
}

export interface ForgetByRulesResult extends ForgetResult {
  readonly timeZone: string;
  /** Disk by disk, newest first. */
  readonly points: readonly PlannedPoint[];
  /** Sum over all dropped points. */
  readonly bytesFreeable: number;
}

/**
 * Drops what the rules do not keep, or says what would go. USAGE for rules that cannot be used, POINT_NOT_FOUND when the
 * machine or the disk has no points, RETENTION_UNSAFE when a chain is broken: then none is dropped. `emit` hears of
 * manifests that cannot be read.
 */
export async function forgetByRules(
  repo: Repository,
  { rules, machine, disk, timeZone, dryRun }: ForgetByRulesRequest,
  emit: Emit,
): Promise<ForgetByRulesResult> {
  const zone = openZone(timeZone);
  const { points, damaged } = await listPoints(repo, { includeForgotten: true });
  for (const { message } of damaged) emit({ event: 'warning', code: 'MANIFEST_DAMAGED', message });
  const concerned = points.filter(
    (point) => (machine ?? point.machine) === point.machine && (disk ?? point.disk) === point.disk,
  );
  const plan = planRetention(concerned, rules, zone);
  if (plan.length === 0 && (machine ?? disk) !== undefined) {
    throw fail('POINT_NOT_FOUND', { spec: `of ${machine ?? 'any machine'}/${disk ?? 'any disk'}` });
  }
  const dropped = new Set(plan.filter(({ keep }) => !keep).map(({ point }) => point.id));
  const kept = points.filter(({ id, forgotten }) => !forgotten && !dropped.has(id));
  const bytes = await freeableBytes(repo, { dropped: points.filter(({ id }) => dropped.has(id)), kept, points });
  if (!dryRun) await markForgotten(repo, [...dropped]);
  const needed = ancestorsOf(kept, points);
  return {
    dryRun,
    timeZone: zone.timeZone,
    points: plan.map(({ point: { id, machine, disk, time }, keep, reasons }) => ({
      id,
      machine,
      disk,
      time,
      keep,
      reasons,
      bytesFreeable: bytes.get(id) ?? null,
    })),
    forgotten: [...dropped],
    neededByOthers: [...dropped].filter((id) => needed.has(id)),
    bytesFreed: 0,
    bytesFreeable: [...bytes.values()].reduce((sum, value) => sum + value, 0),
  };
}

interface Parting {
  readonly dropped: readonly Point[];
  readonly kept: readonly Point[];
  /** All, forgotten ones too. */
  readonly points: readonly Point[];
}

/** What only dropped points show, in bytes, each frame with the oldest of them. */
async function freeableBytes(
  repo: Repository,
  { dropped, kept, points }: Parting,
): Promise<ReadonlyMap<string, number>> {
  if (dropped.length === 0) return new Map();
  const oldestFirst = dropped.toReversed();
  try {
    const keptChains = await liveChains(repo, kept, points, ['loc']);
    // Of what goes only its own part: what shows through it from others is counted with those.
    const parts = await liveChains(repo, [...oldestFirst, ...kept], points, ['loc']);
    const bytes = await freedBytes(repo, parts.slice(0, oldestFirst.length), keptChains);
    return new Map(oldestFirst.map(({ id }, index) => [id, bytes[index] ?? 0]));
  } catch (error) {
    if (!isStrataError(error, 'CHAIN_BROKEN', 'MAP_MISSING', 'MAP_DAMAGED')) throw error;
    throw fail('RETENTION_UNSAFE', { reason: error.message }, { cause: error });
  }
}

async function freedBytes(
  { vault, config, location }: Repository,
  dropped: readonly Chain[],
  kept: readonly Chain[],
): Promise<Float64Array> {
  try {
    return await native.freedBytes({ vault, blockSize: config.blockSize, dropped, kept });
  } catch (error) {
    throw fromNative(error, location);
  }
}
