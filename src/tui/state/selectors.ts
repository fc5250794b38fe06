/** What screens show, computed from the state. What is costly with many points is kept until what it is made of changes. */

import { formatSize } from '../../cli/units.ts';
import type { FileEntry } from '../../jobs/files/browse.ts';
import type { MountedThing } from '../../jobs/mounts.ts';
import type { ListedPoint } from '../../jobs/points.ts';
import { formatMoment } from '../view/format.ts';
import { type DiskRow, disksOfPoints } from './disks.ts';
import { isRunning } from './job-view.ts';
import type { Loaded } from './loaded.ts';
import { remember } from './remember.ts';
import type { DiskName, Sorting, State } from './state.ts';

/** All disks, by name. */
export function disksOf({ slots, disks, damaged }: State): readonly DiskRow[] {
  return slots.points.value === null ? disks : allDisks(slots.points.value, damaged);
}

const allDisks = remember(disksOfPoints);

/** The disks that pass the filter. */
export function visibleDisks(state: State): readonly DiskRow[] {
  const wanted = (state.filters.machines ?? '').toLowerCase();
  return disksOf(state).filter(({ machine, disk }) => `${machine}/${disk}`.toLowerCase().includes(wanted));
}

/** The points of the chosen disk that pass the filter, as they are sorted. */
export function visiblePoints(state: State): readonly ListedPoint[] {
  const { slots, disk, sorting, filters, utc, damaged } = state;
  return sorted(filtered(ofDisk(slots.points.value ?? none, disk), filters.points ?? '', utc, damaged), sorting);
}

/** A point by its id; null when there is none any more. */
export function pointOf({ slots }: State, id: string | null): ListedPoint | null {
  return id === null ? null : (byId(slots.points.value ?? none).get(id) ?? null);
}

const byId = remember(
  (points: readonly ListedPoint[]): ReadonlyMap<string, ListedPoint> =>
    new Map(points.map((point) => [point.id, point])),
);

/** The points of other disks that its run made together with this one. */
export function madeWith({ slots }: State, { id, group }: ListedPoint): readonly ListedPoint[] {
  if (group === undefined) return [];
  return (byGroup(slots.points.value ?? none).get(group.id) ?? []).filter((other) => other.id !== id);
}

const byGroup = remember(
  (points: readonly ListedPoint[]): ReadonlyMap<string, readonly ListedPoint[]> =>
    Map.groupBy(
      points.filter(({ group }) => group !== undefined),
      ({ group }) => group?.id ?? '',
    ),
);

/** The points of the chosen disk, newest first. */
export function diskPoints({ slots, disk }: State): readonly ListedPoint[] {
  return ofDisk(slots.points.value ?? none, disk);
}

const none: readonly ListedPoint[] = [];

const ofDisk = remember((points: readonly ListedPoint[], disk: DiskName | null) =>
  disk === null ? points : points.filter((point) => point.machine === disk.machine && point.disk === disk.disk),
);

const filtered = remember(
  (
    points: readonly ListedPoint[],
    filter: string,
    utc: boolean,
    damaged: ReadonlySet<string>,
  ): readonly ListedPoint[] => {
    const words = filter
      .toLowerCase()
      .split(' ')
      .filter((word) => word !== '');
    if (words.length === 0) return points;
    return points.filter((point) => {
      const text = searchText(point, utc, damaged);
      return words.every((word) => text.includes(word));
    });
  },
);

function searchText(point: ListedPoint, utc: boolean, damaged: ReadonlySet<string>): string {
  return `${fixedText(point, utc)} ${stateOf(point, damaged)}`;
}

/** Of each point once: making it takes far longer than looking through it. */
const fixedTexts = { utc: new WeakMap<ListedPoint, string>(), local: new WeakMap<ListedPoint, string>() };

function fixedText(point: ListedPoint, utc: boolean): string {
  const known = utc ? fixedTexts.utc : fixedTexts.local;
  const found = known.get(point);
  if (found !== undefined) return found;
  const { machine, disk, time, kind, id, type, tags, note, group } = point;
  const flags = `${point.protected ? 'protected' : ''} ${group === undefined ? '' : `group ${group.id}`}`;
  const text =
    `${machine}/${disk} ${formatMoment(time, utc)} ${kind} ${id} ${type} ${tags.join(' ')} ${note} ${flags}`.toLowerCase();
  known.set(point, text);
  return text;
}

const sorted = remember((points: readonly ListedPoint[], sorting: Sorting): readonly ListedPoint[] => {
  if (sorting === 'newest') return points;
  if (sorting === 'oldest') return points.toReversed();
  return points.toSorted((a, b) => b.bytesStored - a.bytesStored);
});

/** What is known of whether a point can be read. */
export function stateOf(point: ListedPoint, damaged: ReadonlySet<string>): 'damaged' | 'verified' | 'unverified' {
  if (damaged.has(point.id)) return 'damaged';
  return point.verified === null ? 'unverified' : 'verified';
}

/** The point that the cursor is on, on whatever screen. */
export function chosenPoint(state: State): ListedPoint | null {
  const at = state.cursors[state.screen] ?? 0;
  switch (state.screen) {
    case 'points':
      return visiblePoints(state)[at] ?? null;
    case 'chain':
      return diskPoints(state)[at] ?? null;
    case 'point':
      return pointOf(state, state.point);
    case 'machines':
      return visibleDisks(state)[at]?.newest ?? null;
    default:
      return null;
  }
}

/** The disk that the screen is about; null for none or all. */
export function chosenDisk(state: State): DiskName | null {
  if (state.screen !== 'machines') return state.disk;
  const row = visibleDisks(state)[state.cursors.machines ?? 0];
  return row === undefined ? null : { machine: row.machine, disk: row.disk };
}

/** The mount or drive that the cursor is on. */
export function chosenMount(state: State): MountedThing | null {
  return state.slots.mounts.value?.[state.cursors.mounts ?? 0] ?? null;
}

/** What is shown of a folder, or was found below it. */
export function visibleFiles(state: State): readonly FileEntry[] {
  const { files, slots, filters } = state;
  const entries = files?.search == null ? slots.folder.value : slots.found.value?.entries;
  const wanted = (filters.files ?? '').toLowerCase();
  return (entries ?? []).filter(({ key, name }) => (files?.search == null ? name : key).toLowerCase().includes(wanted));
}

/** Where a point is mounted; null when it is not. */
export function mountOf(point: ListedPoint, { slots }: State): MountedThing | null {
  return slots.mounts.value?.find((thing) => thing.point === point.id && thing.state !== 'leftover') ?? null;
}

/** Rows that the screen's list has; 0 when it has no list. */
export function rowCount(state: State): number {
  switch (state.screen) {
    case 'machines':
      return visibleDisks(state).length;
    case 'points':
      return visiblePoints(state).length;
    case 'point':
      return partitionsOf(state).length;
    case 'files':
      return visibleFiles(state).length;
    case 'chain':
      return diskPoints(state).length;
    case 'mounts':
      return state.slots.mounts.value?.length ?? 0;
    case 'jobs':
      return state.jobs.length + (state.slots.saved.value?.length ?? 0) + (state.slots.runs.value?.length ?? 0);
    case 'compare':
      return state.slots.diff.value?.extents.length ?? 0;
    case 'repository':
      return state.slots.contents.value?.forgotten.length ?? 0;
    case 'plan':
      return (
        state.slots.plan.value?.disks.reduce((sum, { forgetting }) => sum + (forgetting?.points.length ?? 0), 0) ?? 0
      );
    case 'doctor':
      return state.slots.doctor.value?.machine.length ?? 0;
    case 'log':
      return state.log.length;
    case 'job': {
      const job = state.jobs.find(({ id }) => id === state.job);
      // Lines to scroll by: more than there are.
      return job === undefined ? 0 : 12 + 4 * job.outcome.length + job.log.length;
    }
    case 'help':
      return 30; // lines to scroll by: more than it is ever longer than the screen
  }
}

/** Whether anything on the screen changes with each second. */
export function isLively({ jobs, notice, slots, keyed }: State): boolean {
  const all = [
    ...Object.values(slots),
    ...Object.values(keyed).flatMap((each) => Object.values<Loaded<unknown>>(each)),
  ];
  return notice !== null || jobs.some(isRunning) || all.some(({ since }) => since !== null);
}

/** Rows of half a page. */
export function stepOf({ size }: State): number {
  return Math.max(1, Math.floor((size.rows - 6) / 2));
}

/** What can be opened of the point that is looked at: its partitions, or the disk itself when it has none. */
export function partitionsOf(state: State): readonly PartitionRow[] {
  const point = state.screen === 'point' ? chosenPoint(state) : null;
  const layout = point === null ? null : (state.keyed.details[point.id]?.value?.layout ?? null);
  if (layout === null) return [];
  if (layout.partitions.length === 0) {
    return layout.fileSystem === null
      ? []
      : [{ number: null, label: 'whole disk', size: '', holds: layout.fileSystem }];
  }
  return layout.partitions.map(({ number, length, name, fileSystem }) => ({
    number,
    label: `${number}${name === '' ? '' : ` ${name}`}`,
    size: formatSize(length),
    holds: fileSystem ?? 'nothing known',
  }));
}

export interface PartitionRow {
  readonly number: number | null;
  readonly label: string;
  readonly size: string;
  readonly holds: string;
}
