/**
 * Collection: mark, trash, sweep.
 *
 * What nobody needs is put into the trash. It is removed when the grace has passed since, nobody who was at work when it
 * was put there is still at work, and a mark that began after that finds it dead still. Why that is safe beside backups,
 * mounts, restores and syntheses: docs/design.md, Collection.
 */
import { randomBytes } from 'node:crypto';
import type { Emit, Warning } from '../events.ts';
import { type Here, thisProcess } from '../here.ts';
import { Lease, renewalWarning } from '../lease.ts';
import { leasesAtWork } from '../leases.ts';
import { clearLeftovers } from '../leftovers.ts';
import { pointIds } from '../points.ts';
import type { Repository } from '../repository.ts';
import type { TrashBag } from '../trash.ts';
import { type Bags, fillTrash, planTrash } from './bags.ts';
import { renewLocks } from './renew.ts';
import { nothingRewritten, type Rewritten, rewriteSparsePacks } from './rewrite.ts';
import { type Survey, survey } from './survey.ts';
import { planSweep, type Swept, sweep } from './sweep.ts';

export interface CollectionRequest {
  /** Milliseconds between trash and removal. */
  readonly grace: number;
  /** 0 … 1: so much of the packs' bytes may be unused before sparse packs are rewritten; null: never rewrite. */
  readonly maxUnused: number | null;
  readonly dryRun: boolean;
}

export interface Tally {
  readonly points: number;
  readonly maps: number;
  readonly packs: number;
  /** Of everything counted. */
  readonly bytes: number;
}

export interface CollectionResult {
  readonly dryRun: boolean;
  /** Packs that are needed, and how much of them about is not. */
  readonly kept: { readonly packs: number; readonly bytes: number; readonly unused: number };
  /** Put into the trash by this run. */
  readonly trashed: Tally;
  /** Removed by this run. */
  readonly freed: Tally;
  /** In the trash still. */
  readonly waiting: Tally;
  /** Of that, what is locked, and when the last of it can be removed; ISO 8601 UTC, null when nothing is. */
  readonly locked: Tally & { readonly until: string | null };
  /** Objects whose locks were made longer, as points need them. */
  readonly locksRenewed: number;
  /** Holders of leases that something in the trash waits for. */
  readonly waitingFor: readonly string[];
  readonly rewritten: Rewritten;
  readonly warnings: readonly Warning[];
  readonly seconds: number;
}

/** Frees what nobody refers to. One collection at a time: LOCKED when another one is at work. */
export async function collect(
  repo: Repository,
  request: CollectionRequest,
  emit: Emit,
  signal: AbortSignal,
  here: Here = thisProcess(),
): Promise<CollectionResult> {
  if (request.dryRun) return plan(repo, request, signal, here);
  const started = Date.now();
  const warnings: Warning[] = [];
  const warn = (warning: Warning) => {
    warnings.push(warning);
    emit({ event: 'warning', ...warning });
  };
  const run = randomBytes(12).toString('hex');
  const trouble = (error: unknown) => warn(renewalWarning(error));
  const lease = await Lease.take(repo, run, { purpose: 'collection' }, trouble, here);
  try {
    await clearLeftovers(repo, new Map(), emit, here);
    emit({ event: 'stage', stage: 'mark' });
    const found = await surveyOrRenew(repo, run, here, signal);
    const locksRenewed = await renewLocks(repo, found.dead, here, signal);
    const bags = await fillTrash(repo, lease, found, new Date(here.now()).toISOString(), here);
    const quiet = await nothingHappened(repo, run, found.pointIds, here);
    const due = bags.all.filter((bag) => isDue(bag, bags, { found, quiet, grace: request.grace, now: here.now() }));
    emit({ event: 'stage', stage: 'sweep' });
    const swept = await sweep(repo, lease, due, signal);
    const rewritten = await rewriteSparsePacks(repo, lease, found, { maxUnused: request.maxUnused, emit, signal });
    return resultOf(request, found, bags, { due, swept, locksRenewed, rewritten, warnings, started });
  } finally {
    await repo.store.clearSpool(run);
    await lease.release();
  }
}

/** A repository with damage frees nothing, but must not lose its locks either. */
async function surveyOrRenew(repo: Repository, run: string, here: Here, signal: AbortSignal): Promise<Survey> {
  try {
    return await survey(repo, run, here, signal);
  } catch (error) {
    await renewLocks(repo, new Set(), here, signal);
    throw error;
  }
}

/** What a collection would do if nobody else were at work; writes nothing, not even a lease. */
async function plan(
  repo: Repository,
  request: CollectionRequest,
  signal: AbortSignal,
  here: Here,
): Promise<CollectionResult> {
  const started = Date.now();
  const found = await survey(repo, '', here, signal);
  const bags = planTrash(found, 'planned', new Date(here.now()).toISOString());
  const due = bags.all.filter((bag) => isDue(bag, bags, { found, quiet: true, grace: request.grace, now: here.now() }));
  const swept = await planSweep(repo, due);
  return resultOf(request, found, bags, {
    due,
    swept,
    locksRenewed: 0,
    rewritten: nothingRewritten,
    warnings: [],
    started,
  });
}

interface Outcome {
  readonly due: readonly TrashBag[];
  readonly swept: Swept;
  readonly locksRenewed: number;
  readonly rewritten: Rewritten;
  readonly warnings: readonly Warning[];
  readonly started: number;
}

function resultOf(
  { dryRun }: CollectionRequest,
  found: Survey,
  bags: Bags,
  { due, swept, ...rest }: Outcome,
): CollectionResult {
  const waiting = [...bags.all.filter((bag) => !due.includes(bag)), ...swept.locked];
  const locked = waiting.filter(({ lockedUntil }) => lockedUntil !== null);
  const ends = locked.map(({ lockedUntil }) => lockedUntil ?? '').sort();
  return {
    dryRun,
    kept: keptOf(found),
    trashed: tally(bags.fresh?.names ?? [], found.dead),
    freed: tally(swept.freed, found.dead),
    waiting: tally(namesIn(waiting), found.dead),
    locked: { ...tally(namesIn(locked), found.dead), until: ends.at(-1) ?? null },
    locksRenewed: rest.locksRenewed,
    waitingFor: [...new Set(waiting.flatMap(({ heldBy }) => heldBy ?? []))].filter((id) => found.atWork.has(id)),
    rewritten: rest.rewritten,
    warnings: rest.warnings,
    seconds: (Date.now() - rest.started) / 1000,
  };
}

interface Occasion {
  readonly found: Survey;
  /** Whether nobody else is at work, and nothing was committed since the mark began. */
  readonly quiet: boolean;
  readonly grace: number;
  readonly now: number;
}

/** Whether the time of a bag has come. */
function isDue(bag: TrashBag, { settled }: Bags, { found, quiet, grace, now }: Occasion): boolean {
  if (bag.heldBy === null || Date.parse(bag.time) + grace > now) return false;
  if (bag.lockedUntil !== null && Date.parse(bag.lockedUntil) > now) return false;
  // What was in the trash before the mark began was looked at since; of a new bag somebody may have made use meanwhile.
  if (!settled.includes(bag) && !quiet) return false;
  return !bag.heldBy.some((id) => found.atWork.has(id));
}

/** Whether nobody else is at work, and no point came since the mark began. */
async function nothingHappened(
  repo: Repository,
  self: string,
  marked: ReadonlySet<string>,
  here: Here,
): Promise<boolean> {
  if ((await leasesAtWork(repo, self, here)).length > 0) return false;
  const now = await pointIds(repo.store);
  return now.length === marked.size && now.every((id) => marked.has(id));
}

function namesIn(bags: readonly TrashBag[]): ReadonlySet<string> {
  return new Set(bags.flatMap(({ names }) => [...names]));
}

function tally(names: Iterable<string>, sizes: ReadonlyMap<string, number>): Tally {
  const counted = { points: 0, maps: 0, packs: 0, bytes: 0 };
  for (const name of names) {
    counted.bytes += sizes.get(name) ?? 0;
    if (name.startsWith('points/')) counted.points += 1;
    else if (name.startsWith('maps/')) counted.maps += 1;
    else if (name.startsWith('packs/')) counted.packs += 1;
  }
  return counted;
}

function keptOf({ packs, liveBytes }: Survey): CollectionResult['kept'] {
  let [bytes, live] = [0, 0];
  for (const [id, used] of liveBytes) {
    bytes += packs.get(id) ?? 0;
    live += used;
  }
  return { packs: liveBytes.size, bytes, unused: Math.max(0, bytes - live) };
}
