/**
 * Repair: columns of maps that are lost are made anew from the other column and the packs, and blocks in lost packs and
 * damaged frames are found again where a whole copy lies. What cannot be had is named by point and range of the disk, and
 * the next backup of that disk stores it anew; a repair after that finds it for the older points, too.
 *
 * Everything is made in a spool folder first, then put in its place: columns, then the mark of the point that names them.
 * Nothing is removed: what a point does not use any more is collected (docs/design.md, Collection).
 */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fail } from '../errors.ts';
import { unreadableRecord } from '../repository/bad-frames.ts';
import type { Emit, Warning } from '../repository/events.ts';
import { Lease, renewalWarning } from '../repository/lease.ts';
import { clearLeftovers } from '../repository/leftovers.ts';
import { listPacks } from '../repository/packs.ts';
import type { Repository } from '../repository/repository.ts';
import { examineColumns, mendColumns, mendDigests } from './repair/columns.ts';
import { quickChecks, readFrames, replacePlaces } from './repair/frames.ts';
import { type Inventory, type OwnMap, takeInventory } from './repair/inventory.ts';
import { type DiskToBackUp, type Loss, lossesOf } from './repair/losses.ts';
import { mapsInDamagedPacks, salvagePacks } from './repair/packs.ts';
import { type Findings, planMarks, settle } from './repair/settle.ts';
import { Workshop } from './repair/workshop.ts';

export type { DiskToBackUp, Loss } from './repair/losses.ts';

export interface RepairRequest {
  readonly dryRun: boolean;
  /** Do not read all frames: only what is known to be damaged or lost is mended. */
  readonly quick: boolean;
  /** Forget points of which nothing can be had, unless they are protected: all, or of these ids. */
  readonly drop: boolean | readonly string[];
}

export interface Mended {
  readonly point: string;
  readonly column: 'loc' | 'dig' | 'mark';
  readonly reason: string;
}

export interface RepairResult {
  readonly dryRun: boolean;
  readonly mended: readonly Mended[];
  /** What stays damaged, or would. */
  readonly lost: readonly Loss[];
  /** Points that were forgotten because nothing of them can be had. */
  readonly dropped: readonly string[];
  /** Disks whose newest point has lost something that their next backup stores anew. */
  readonly toBackUp: readonly DiskToBackUp[];
  /** Blocks that these backups store anew, as far as it is known. */
  readonly needsBackup: number;
  readonly warnings: readonly Warning[];
  readonly seconds: number;
}

interface Task {
  readonly repo: Repository;
  readonly request: RepairRequest;
  readonly emit: Emit;
  readonly warn: (warning: Warning) => void;
  readonly signal: AbortSignal;
}

/** Mends what can be mended; damage that stays is a result, not an exception. LOCKED while a collection is at work. */
export async function repair(
  repo: Repository,
  request: RepairRequest,
  emit: Emit,
  signal: AbortSignal,
): Promise<RepairResult> {
  const started = Date.now();
  const warnings: Warning[] = [];
  const warn = (warning: Warning) => {
    warnings.push(warning);
    emit({ event: 'warning', ...warning });
  };
  const task: Task = { repo, request, emit, warn, signal };
  const { inventory, losses, marks, drop, inDamagedPacks } = request.dryRun ? await plan(task) : await execute(task);
  return {
    dryRun: request.dryRun,
    mended: [
      ...[...inventory.maps].flatMap(([point, { anew }]) =>
        [...anew].map(([column, { reason }]) => ({ point, column, reason })),
      ),
      ...(request.dryRun ? [...inDamagedPacks].filter(([{ anew }]) => !anew.has('loc')).map(describeMove) : []),
      ...marks.map(({ point, name }) => ({ point, column: 'mark' as const, reason: `${name} could not be read` })),
    ],
    lost: losses.lost,
    dropped: drop,
    toBackUp: losses.toBackUp,
    needsBackup: losses.toBackUp.reduce((sum, { blocks }) => sum + (blocks ?? 0), 0),
    warnings,
    seconds: (Date.now() - started) / 1000,
  };
}

/** What becomes of a map that names packs without an index, when nothing was done yet. */
function describeMove([{ manifest }, packs]: readonly [OwnMap, readonly string[]]): Mended {
  return { point: manifest.id, column: 'loc', reason: `what is whole in ${packs.join(', ')} is stored anew` };
}

/** What a repair would do. New columns are made all the same, in a folder that goes away: only so it is known what can be had. */
async function plan(task: Task): Promise<Findings> {
  const folder = await mkdtemp(join(tmpdir(), 'strata-repair-'));
  try {
    return await work(task, folder, null);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Does it, with collections kept away: nothing that is referred to anew may be swept. */
async function execute(task: Task): Promise<Findings> {
  const { repo, emit, warn } = task;
  const run = randomBytes(12).toString('hex');
  const trouble = (error: unknown) => warn(renewalWarning(error));
  const lease = await Lease.take(repo, run, { purpose: 'collection' }, trouble);
  try {
    await clearLeftovers(repo, await listPacks(repo), emit);
    const findings = await work(task, await repo.store.spool(run), run);
    emit({ event: 'stage', stage: 'commit' });
    await settle(repo, lease, findings);
    return findings;
  } finally {
    await repo.store.clearSpool(run);
    await lease.release();
  }
}

/**
 * Finds what is wrong and makes what is to replace it; writes only to the folder, and new packs of `run`: null makes none.
 */
async function work(
  { repo, request, emit, warn, signal }: Task,
  folder: string,
  run: string | null,
): Promise<Findings> {
  emit({ event: 'stage', stage: 'check' });
  const inventory = await takeInventory(repo);
  for (const name of inventory.unreadable) warn(unreadableRecord(name));
  const { maps, moved } = inventory;
  emit({ event: 'started', action: 'repair', subject: `${maps.size} block maps` });
  for (const [point, map] of maps) {
    if (signal.aborted) throw fail('INTERRUPTED', { action: 'the repair' });
    await examineColumns(repo, map, moved.get(point));
  }
  const workshop = new Workshop(repo, folder, inventory, { emit, signal });
  try {
    emit({ event: 'stage', stage: 'rebuild' });
    for (const map of maps.values()) await mendColumns(workshop, inventory, map);
    emit({ event: 'stage', stage: 'verify' });
    const wrong = request.quick ? new Set<OwnMap>() : await readFrames(workshop, maps, emit);
    emit({ event: 'stage', stage: 'rebuild' });
    const inDamagedPacks = await mapsInDamagedPacks(workshop, maps);
    if (run !== null) await salvagePacks(repo, workshop, run, new Set([...inDamagedPacks.values()].flat()));
    for (const map of maps.values()) await replacePlaces(workshop, inventory, map);
    for (const map of wrong) await mendDigests(workshop, inventory, map, quickChecks(map.manifest.id));
    const losses = await lossesOf(workshop, inventory);
    const drop = losses.hopeless.filter((id) => isToGo(request, id) && !isProtected(inventory, id));
    return { inventory, losses, marks: planMarks(inventory), bad: workshop.bad, drop, inDamagedPacks };
  } finally {
    workshop.close();
  }
}

function isToGo({ drop }: RepairRequest, id: string): boolean {
  return typeof drop === 'boolean' ? drop : drop.includes(id);
}

function isProtected({ marks }: Inventory, id: string): boolean {
  return marks.get(id)?.protected?.value ?? false;
}
