/**
 * Snapshots of several disks that show one instant, where that can be had.
 *
 * What can be made to stand still does (hold.ts). Of the rest one snapshot is made in that time, at a moment that is the
 * instant of all: that of one disk, of all image files in one Btrfs subvolume at once, from which each then gets its own,
 * or of all that lies in one pool of ZFS. Whatever is left has an instant of its own, which is told.
 */
import { realpath, statfs } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { isStrataError, reasonOf } from '../../errors.ts';
import type { Warning } from '../../repository/events.ts';
import type { Source } from '../source.ts';
import { placeOf } from '../zfs/place.ts';
import { nameFor, poolOf } from '../zfs/tool.ts';
import { btrfs, snapshotSubvolume, subvolumeOf } from './btrfs.ts';
import { Hold, holdingOf } from './hold.ts';
import type { SnapshotProvider } from './provider.ts';
import { beginRecord, newSnapshotId } from './records.ts';
import { foreseeProvider, type SnapshotOrder, type Taken, takeSnapshot } from './take.ts';
import { snapshotTogether, zfs } from './zfs.ts';

/** How a disk comes to the common instant. */
export interface PlannedDisk {
  readonly order: SnapshotOrder;
  /** That would be tried first; null: the disk is read as it is. */
  readonly provider: SnapshotProvider | null;
  /** `still`: its snapshot itself is that it stands still; `held`: it stands still meanwhile; `moment`: its is the instant. */
  readonly part: 'still' | 'held' | 'moment' | 'apart';
  /** What of it is held. */
  readonly places: readonly string[];
  /** What it has in common with others, when those can be had at once. */
  readonly common: Common | null;
  /** Why it has an instant of its own; null when it need not. */
  readonly apart: string | null;
}

/** The Btrfs subvolume that disks lie in, or the pool of ZFS and the dataset of this one. */
type Common =
  | { readonly kind: 'subvolume'; readonly at: string }
  | { readonly kind: 'pool'; readonly at: string; readonly dataset: string };

/** What came of one disk. */
export interface Frozen {
  /** Or what it failed of. */
  readonly outcome: Taken | { readonly failure: unknown };
  /** Why it is not of the instant of the others; null: it is. */
  readonly apart: string | null;
}

const readAsItIs = 'it is read as it is';
const btrfsMagic = 0x9123683e;

/** How snapshots would be made: SNAPSHOT_IMPOSSIBLE when the policy needs one of a disk that none can be made of. */
export async function planTogether(orders: readonly SnapshotOrder[]): Promise<readonly PlannedDisk[]> {
  const disks: PlannedDisk[] = [];
  for (const order of orders) disks.push(await planOne(order));
  const [alone, another] = disks;
  if (alone?.provider && another === undefined) return [{ ...alone, part: 'moment', places: [], apart: null }];
  const units = new Map<string, PlannedDisk[]>();
  for (const disk of disks.filter(({ part, provider }) => part === 'apart' && provider !== null)) {
    // What takes long would hold all others for as long.
    if (disk.provider?.name === 'iterate') continue;
    const { common, order } = disk;
    const unit = common === null ? `disk ${order.source.path}` : `${common.kind} ${common.at}`;
    units.set(unit, [...(units.get(unit) ?? []), disk]);
  }
  const [largest] = [...units.values()].sort((a, b) => b.length - a.length);
  const still = disks.filter(({ part }) => part === 'held').slice(0, 1);
  const instant = new Set(largest ?? still);
  return disks.map((disk) => (instant.has(disk) ? { ...disk, part: 'moment', places: [], apart: null } : disk));
}

async function planOne(order: SnapshotOrder): Promise<PlannedDisk> {
  const provider = await foreseeProvider(order);
  const bare = { order, provider, places: [], common: null };
  if (provider === null) return { ...bare, part: 'apart', apart: readAsItIs };
  if (provider.name === 'freeze') return { ...bare, part: 'still', apart: null };
  if (provider.name === 'iterate')
    return { ...bare, part: 'apart', apart: 'it is copied until nothing is written to it' };
  const { source, wish } = order;
  const holding = await holdingOf({ source, needed: wish.needed }, provider.name);
  if ('places' in holding) return { ...bare, part: 'held', places: holding.places, apart: null };
  return { ...bare, part: 'apart', apart: holding.obstacle, common: await commonOf(order, provider) };
}

async function commonOf({ source, wish }: SnapshotOrder, { name }: SnapshotProvider): Promise<Common | null> {
  if (name === 'zfs') {
    const place = await placeOf(source);
    return typeof place === 'string' ? null : { kind: 'pool', at: poolOf(place.dataset), dataset: place.dataset };
  }
  if (name !== 'reflink' && name !== 'btrfs') return null;
  if ((await statfs(source.path)).type !== btrfsMagic) return null;
  if ((await btrfs.obstacle({ ...wish, source, id: newSnapshotId() })) !== null) return null;
  const at = await subvolumeOf(source.path);
  return at === null ? null : { kind: 'subvolume', at };
}

/** Makes the snapshots, in the order of the plan; what fails is told of each. */
export async function takeTogether(
  disks: readonly PlannedDisk[],
  warn: (warning: Warning) => void,
): Promise<readonly Frozen[]> {
  const found = new Map<PlannedDisk, Frozen>();
  try {
    await takeAll(disks, found, warn);
  } catch (error) {
    for (const frozen of found.values()) await abandon(frozen, warn);
    throw error;
  }
  return ofOneTime(disks, found);
}

async function takeAll(
  disks: readonly PlannedDisk[],
  found: Map<PlannedDisk, Frozen>,
  warn: (warning: Warning) => void,
): Promise<void> {
  const of = (part: PlannedDisk['part']) => disks.filter((disk) => disk.part === part);
  const takeAlone = async (disk: PlannedDisk, apart: string | null) => found.set(disk, await takeOne(disk, apart));
  for (const disk of of('still')) await takeAlone(disk, null);
  const held = of('held');
  const hold = await beginHold(held);
  const late: [PlannedDisk, string][] = [];
  try {
    const moment = of('moment');
    const [first] = moment;
    const common = moment.length > 1 ? (first?.common ?? null) : null;
    if (common?.kind === 'subvolume') await takeOfSubvolume(moment, common.at, found, warn);
    else if (common?.kind === 'pool') await takeOfPool(moment, found, warn);
    else for (const disk of moment) await takeAlone(disk, null);
    for (const disk of held) {
      const before = hold instanceof Hold ? await hold.trouble(disk.places) : hold;
      if (before === null) await takeAlone(disk, null);
      // What was made while it went on may miss what was written then.
      const after = before ?? (hold instanceof Hold ? hold.overdue() : null);
      if (after === null) continue;
      if (before === null) await abandon(found.get(disk), warn);
      late.push([disk, after]);
    }
  } finally {
    const gone = hold instanceof Hold ? await endHold(hold, warn) : new Set<string>();
    for (const disk of held) {
      const frozen = found.get(disk);
      const early = disk.places.find((place) => !place.startsWith('device:') && gone.has(place));
      if (frozen && early) found.set(disk, { ...frozen, apart: `${early} went on too early` });
    }
  }
  for (const [disk, reason] of late) await takeAlone(disk, reason);
  for (const disk of of('apart')) await takeAlone(disk, disk.apart);
}

/** What of a common snapshot is a disk's own. */
interface Own {
  readonly input?: Source['input'];
  readonly joint?: string;
}

async function takeOne({ order }: PlannedDisk, apart: string | null, { input, joint }: Own = {}): Promise<Frozen> {
  try {
    // Who looked at a source before knows it by identity.
    const source = input === undefined ? order.source : { ...order.source, input };
    const taken = await takeSnapshot({ ...order, source, wish: { ...order.wish, joint } });
    const isOther = joint !== undefined && taken.provider !== 'zfs';
    if (taken.provider !== 'off') return { outcome: taken, apart: isOther ? 'its snapshot is another one' : apart };
    return { outcome: { ...taken, view: order.source }, apart: apart ?? readAsItIs };
  } catch (failure) {
    return { outcome: { failure }, apart: null };
  }
}

/** Or why there is none; null: there is nothing to hold. */
async function beginHold(held: readonly PlannedDisk[]): Promise<Hold | string | null> {
  const [first] = held;
  if (first === undefined) return null;
  const { owner, records, wish } = first.order;
  const order = { source: first.order.source.path, owner, records, limit: wish.freezeLimit };
  try {
    return await Hold.begin(order, [...new Set(held.flatMap(({ places }) => places))]);
  } catch (error) {
    if (!isStrataError(error)) throw error;
    return error.message;
  }
}

async function endHold(hold: Hold, warn: (warning: Warning) => void): Promise<ReadonlySet<string>> {
  return hold.end().catch((error: unknown) => {
    warn({ code: 'CLEANUP', message: `not all that stood still goes on yet: ${reasonOf(error)}` });
    return new Set<string>();
  });
}

/** One snapshot of the subvolume, and each disk's own out of that. */
async function takeOfSubvolume(
  disks: readonly PlannedDisk[],
  root: string,
  found: Map<PlannedDisk, Frozen>,
  warn: (warning: Warning) => void,
): Promise<void> {
  const id = newSnapshotId();
  const place = join(root, `.strata-${id}`);
  const [first] = disks as [PlannedDisk];
  const shared: Shared = {
    ...{ provider: btrfs, id, places: [place], left: `the snapshot ${place} is still there` },
    make: () => snapshotSubvolume(first.order.source.path, root, place),
    own: async ({ order }) => ({ input: join(place, relative(root, await realpath(order.source.path))) }),
  };
  await takeOutOf(shared, disks, found, warn);
}

/** One snapshot of each dataset, all at once, which each disk then holds for itself. */
async function takeOfPool(
  disks: readonly PlannedDisk[],
  found: Map<PlannedDisk, Frozen>,
  warn: (warning: Warning) => void,
): Promise<void> {
  const id = newSnapshotId();
  const datasets = disks.flatMap(({ common }) => (common?.kind === 'pool' ? [common.dataset] : []));
  const places = [...new Set(datasets)].map((dataset) => `${dataset}@${nameFor(id)}`);
  const shared: Shared = {
    ...{ provider: zfs, id, places, left: `the snapshots ${places.join(', ')} are still there` },
    make: () => snapshotTogether(places, id),
    own: async () => ({ joint: id }),
  };
  await takeOutOf(shared, disks, found, warn);
}

/** A snapshot that disks have in common for as long as each takes its own out of it. */
interface Shared {
  readonly provider: SnapshotProvider;
  readonly id: string;
  readonly places: readonly string[];
  /** What is said when it stays. */
  readonly left: string;
  make(): Promise<void>;
  own(disk: PlannedDisk): Promise<Own>;
}

async function takeOutOf(
  { provider, id, places, left, make, own }: Shared,
  disks: readonly PlannedDisk[],
  found: Map<PlannedDisk, Frozen>,
  warn: (warning: Warning) => void,
): Promise<void> {
  const [{ order }] = disks as [PlannedDisk];
  const { source, owner, records } = order;
  const record = await beginRecord(records, { id, provider: provider.name, source: source.path, owner, places });
  let apart: string | null = null;
  try {
    await make();
  } catch (error) {
    apart = reasonOf(error);
  }
  for (const disk of disks) found.set(disk, await takeOne(disk, apart, apart === null ? await own(disk) : {}));
  await provider.end(places, 'success', id).then(record.close, async (error: unknown) => {
    await record.leave();
    warn({ code: 'CLEANUP', message: `${left}: ${reasonOf(error)}` });
  });
}

async function abandon(frozen: Frozen | undefined, warn: (warning: Warning) => void): Promise<void> {
  if (frozen === undefined || 'failure' in frozen.outcome) return;
  await frozen.outcome.finish('abort').catch((error: unknown) => {
    warn({ code: 'CLEANUP', message: `a snapshot is still there: ${reasonOf(error)}` });
  });
}

/** What is of one instant has one time: that of the moment, or of the last that stood still. */
function ofOneTime(disks: readonly PlannedDisk[], found: ReadonlyMap<PlannedDisk, Frozen>): readonly Frozen[] {
  const times = (part: PlannedDisk['part']) =>
    disks.flatMap((disk) => {
      const frozen = found.get(disk);
      return disk.part === part && frozen?.apart === null && 'time' in frozen.outcome ? [frozen.outcome.time] : [];
    });
  const time = times('moment')[0] ?? times('still').sort().at(-1);
  return disks.map((disk) => {
    const frozen = found.get(disk) as Frozen;
    if (time === undefined || frozen.apart !== null || 'failure' in frozen.outcome) return frozen;
    return { ...frozen, outcome: { ...frozen.outcome, time } };
  });
}
