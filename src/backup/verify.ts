/**
 * Verify: reads points back and checks everything on the way, from the manifest to the bytes of the blocks.
 *
 * Of named points the merged content is read. With `all`, every map is gone through once by itself, so that what many
 * points share is read once; only points that stand on a map with damage are read whole, to name what of it they show.
 */
import { randomInt } from 'node:crypto';
import { fail, isStrataError } from '../errors.ts';
import type { Chain } from '../native/maps.ts';
import { noteBadFrames, readBadFrames, unreadableRecord } from '../repository/bad-frames.ts';
import { chainOf, KnownLinks, type PointChain } from '../repository/chain.ts';
import type { Emit } from '../repository/events.ts';
import type { Manifest } from '../repository/manifest.ts';
import { writeMark } from '../repository/marks.ts';
import { type DamagedPoint, listPoints, type Point } from '../repository/points.ts';
import type { Repository } from '../repository/repository.ts';
import { selectPoint } from '../repository/select.ts';
import { type Checked, checkContent, damageOf, type Inspection, type PointDamage } from './check.ts';

export type { PointDamage } from './check.ts';

export interface VerifyRequest {
  readonly specs: readonly string[];
  readonly all: boolean;
  /** 0 … 100: how many of the blocks are read; maps and manifests are always checked. */
  readonly samplePercent: number;
}

export interface VerifiedPoint {
  readonly id: string;
  /** Empty when the manifest cannot be read. */
  readonly machine: string;
  readonly disk: string;
  readonly time: string | null;
  readonly ok: boolean;
  readonly blocksChecked: number;
  readonly bytesRead: number;
  readonly damage: readonly PointDamage[];
}

export interface VerifyResult {
  readonly points: readonly VerifiedPoint[];
  /** How many of them are damaged; more than 0 means exit 13. */
  readonly damaged: number;
  readonly blocksChecked: number;
  readonly bytesRead: number;
  readonly seconds: number;
}

/** A point with its chain, or with what is wrong with that. */
interface Subject {
  readonly point: Point;
  readonly chain: PointChain | null;
  readonly damage: readonly PointDamage[];
}

/** Reads and checks points. Damage is a result, not an exception. */
export async function verify(
  repo: Repository,
  request: VerifyRequest,
  emit: Emit,
  signal: AbortSignal,
): Promise<VerifyResult> {
  const started = Date.now();
  const { all, samplePercent } = request;
  if (!(samplePercent >= 0 && samplePercent <= 100)) {
    throw fail('USAGE', { problem: `a sample of ${samplePercent} percent is not between 0 and 100` });
  }
  emit({ event: 'stage', stage: 'check' });
  const { points, damaged } = await pointsOf(repo, request);
  const subjects: Subject[] = [];
  const known = new KnownLinks();
  for (const point of points) subjects.push(await subjectOf(repo, point, known));
  const inspection = await newInspection(repo, emit, signal);
  emit({ event: 'started', action: 'verify', subject: all ? 'all points' : `${points.length} points` });
  emit({ event: 'stage', stage: 'verify' });
  const results = damaged.map(unreadablePoint);
  const shared = all ? await checkMaps(inspection, subjects, samplePercent) : null;
  inspection.total += sum(subjects.map(({ point, chain }) => (chain === null ? 0 : point.size)));
  for (const subject of subjects) {
    const result = await checkPoint(inspection, subject, samplePercent, shared);
    await rememberVerdict(repo, subject.point, result, samplePercent === 100, emit);
    results.push(result);
  }
  return {
    points: results,
    damaged: results.filter(({ ok }) => !ok).length,
    blocksChecked: inspection.blocksChecked,
    bytesRead: inspection.bytesRead,
    seconds: (Date.now() - started) / 1000,
  };
}

async function pointsOf(
  repo: Repository,
  { specs, all }: VerifyRequest,
): Promise<{ points: Point[]; damaged: DamagedPoint[] }> {
  if (all) return listPoints(repo);
  if (specs.length === 0) throw fail('USAGE', { problem: 'name the points to verify, or use --all' });
  const points = new Map<string, Point>();
  const damaged: DamagedPoint[] = [];
  for (const spec of specs) {
    try {
      const point = await selectPoint(repo, spec);
      points.set(point.id, point);
    } catch (error) {
      if (!isStrataError(error, 'MANIFEST_DAMAGED')) throw error;
      damaged.push({ name: String(error.params.name), code: error.code, message: error.message });
    }
  }
  return { points: [...points.values()], damaged };
}

async function subjectOf(repo: Repository, point: Point, known: KnownLinks): Promise<Subject> {
  try {
    return { point, chain: await chainOf(repo, point.manifest, ['loc', 'dig'], known), damage: [] };
  } catch (error) {
    return { point, chain: null, damage: [damageOf(error)] };
  }
}

async function newInspection(repo: Repository, emit: Emit, signal: AbortSignal): Promise<Inspection> {
  const { places: suspects, unreadable } = await readBadFrames(repo);
  for (const name of unreadable) emit({ event: 'warning', ...unreadableRecord(name) });
  const counters = { position: 0, total: 0, bytesRead: 0, blocksChecked: 0 };
  return { repo, seed: randomInt(2 ** 32), suspects, emit, signal, ...counters };
}

/** Checks each map that a chain is made of once, by itself; by point. */
async function checkMaps(
  inspection: Inspection,
  subjects: readonly Subject[],
  samplePercent: number,
): Promise<Map<string, Checked>> {
  const maps = new Map(
    subjects.flatMap(({ chain }) =>
      (chain?.manifests ?? []).map((manifest, at) => [
        manifest.id,
        { manifest, layers: chain?.layers.slice(at, at + 1) ?? [] },
      ]),
    ),
  );
  inspection.total = sum([...maps.values()].map(({ manifest }) => manifest.size));
  const checked = new Map<string, Checked>();
  for (const { manifest, layers } of maps.values()) {
    checked.set(manifest.id, await checkAndNote(inspection, layers, manifest, samplePercent));
  }
  return checked;
}

/** Checks the merged content of a point; the blocks only where `shared` does not know that they are good. */
async function checkPoint(
  inspection: Inspection,
  { point, chain, damage }: Subject,
  samplePercent: number,
  shared: Map<string, Checked> | null,
): Promise<VerifiedPoint> {
  if (chain === null) return verdict(point, { blocksChecked: 0, bytesRead: 0, damage });
  const good = shared !== null && chain.manifests.every(({ id }) => shared.get(id)?.damage.length === 0);
  const merged = await checkAndNote(inspection, chain.layers, point.manifest, good ? 0 : samplePercent);
  const own = shared?.get(point.id);
  return verdict(point, {
    blocksChecked: merged.blocksChecked + (own?.blocksChecked ?? 0),
    bytesRead: merged.bytesRead + (own?.bytesRead ?? 0),
    damage: [...merged.damage, ...rootDamage(point, merged)],
  });
}

/** Checks, and has backups know at once which frames are damaged. */
async function checkAndNote(
  inspection: Inspection,
  layers: Chain,
  manifest: Manifest,
  samplePercent: number,
): Promise<Checked> {
  const { repo, emit } = inspection;
  const checked = await checkContent(inspection, layers, manifest, samplePercent);
  await unlessReadOnly(emit, () => noteBadFrames(repo, checked.bad, checked.good));
  return checked;
}

function rootDamage(point: Point, { root }: Checked): PointDamage[] {
  if (root === null || root === point.manifest.root) return [];
  const message = `the block maps of point ${point.id} give another root than its manifest`;
  return [{ code: 'MAP_DAMAGED', message, offset: null, length: null }];
}

function verdict(point: Point, found: Pick<Checked, 'blocksChecked' | 'bytesRead' | 'damage'>): VerifiedPoint {
  const { id, machine, disk, time } = point;
  const { blocksChecked, bytesRead, damage } = found;
  return { id, machine, disk, time, ok: damage.length === 0, blocksChecked, bytesRead, damage };
}

function unreadablePoint({ name, code, message }: DamagedPoint): VerifiedPoint {
  const id = name.slice(name.indexOf('/') + 1).slice(0, 24);
  const damage = [{ code, message, offset: null, length: null }];
  return { id, machine: '', disk: '', time: null, ok: false, blocksChecked: 0, bytesRead: 0, damage };
}

/** Marks a point that was found good throughout, and takes the mark from one that was not. */
async function rememberVerdict(
  repo: Repository,
  point: Point,
  { ok }: VerifiedPoint,
  throughout: boolean,
  emit: Emit,
): Promise<void> {
  if (ok ? !throughout : point.verified === null) return;
  await unlessReadOnly(emit, () => writeMark(repo, point.id, 'verified', ok));
}

/** A repository that may only be read can be verified all the same. */
async function unlessReadOnly(emit: Emit, write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (error) {
    if (!isStrataError(error, 'READ_ONLY', 'PERMISSION')) throw error;
    emit({ event: 'warning', code: 'MARK_NOT_WRITTEN', message: error.message });
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
