/**
 * Forgetting by rules: what a policy keeps stays, everything else goes. Before anything goes, the chains of all points of
 * the disks concerned are known to be whole, and what each point that goes would free is counted. A broken point of another
 * disk keeps nobody from forgetting: it is collection that frees, and no collection does while a kept point is broken.
 */
import { fail, fromNative } from '../errors.ts';
import type { Chain } from '../native/maps.ts';
import { native } from '../native.ts';
import type { Emit } from './events.ts';
import { ancestorsOf, type ForgetResult, markForgotten } from './forget.ts';
import { findLiveChains } from './live-chains.ts';
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
 * machine or the disk has no points, RETENTION_UNSAFE when a chain of theirs is broken: then none is dropped. `emit` hears of
 * manifests that cannot be read, and of broken chains of others.
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
  const parting = { dropped: points.filter(({ id }) => dropped.has(id)), kept, concerned, points };
  const bytes = await freeableBytes(repo, parting, emit);
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
  /** Those of the machines and disks that the rules are for. */
  readonly concerned: readonly Point[];
  /** All, forgotten ones too. */
  readonly points: readonly Point[];
}

/** What only dropped points show, in bytes, each frame with the oldest of them. */
async function freeableBytes(
  repo: Repository,
  { dropped, kept, concerned, points: all }: Parting,
  emit: Emit,
): Promise<ReadonlyMap<string, number>> {
  if (dropped.length === 0) return new Map();
  const oldestFirst = dropped.toReversed();
  // Of what goes only its own part: what shows through it from others is counted with those.
  const partOf = (points: readonly Point[], besides: readonly Point[] = []) =>
    findLiveChains(repo, { points, besides, all, columns: ['loc'] });
  const isConcerned = new Set(concerned);
  const others = kept.filter((point) => !isConcerned.has(point));
  const ours = kept.filter((point) => isConcerned.has(point));
  const keptOnes = await partOf(ours, others);
  const parts = await partOf(oldestFirst, kept);
  const [broken] = [...keptOnes.broken, ...parts.broken];
  if (broken !== undefined) throw fail('RETENTION_UNSAFE', { reason: broken.message }, { cause: broken });
  const elsewhere = await partOf(others, ours);
  for (const { message } of elsewhere.broken) {
    emit({
      event: 'warning',
      code: 'POINT_BROKEN',
      message: `${message}; what it needs is not counted, and nothing is freed yet`,
    });
  }
  const whole = [...keptOnes.chains, ...elsewhere.chains].filter((chain) => chain !== null);
  const bytes = await freedBytes(
    repo,
    parts.chains.filter((chain) => chain !== null),
    whole,
  );
  return new Map(oldestFirst.map(({ id }, index) => [id, bytes[index] ?? 0]));
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
