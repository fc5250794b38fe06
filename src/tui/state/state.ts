/** All that the screen shows, in one plain value. Only the reducer makes a new one. */
import type { BlockMap } from '../../jobs/block-map.ts';
import type { ConsolidationRequest, ConsolidationResult } from '../../jobs/consolidate.ts';
import type { RepositoryContents } from '../../jobs/contents.ts';
import type { DiffResult } from '../../jobs/diff.ts';
import type { Diagnosis } from '../../jobs/doctor.ts';
import type { FileEntry, FoundFiles } from '../../jobs/files/browse.ts';
import type { Holder } from '../../jobs/holders.ts';
import type { Failure } from '../../jobs/job.ts';
import type { MountedThing } from '../../jobs/mounts.ts';
import type { ListedPoint } from '../../jobs/points.ts';
import type { JobOverview, ListedRun } from '../../jobs/schedule/overview.ts';
import type { ShownPoint } from '../../jobs/show.ts';
import type { OpenFiles } from '../engine/drives.ts';
import type { Place } from '../engine/protocol.ts';
import type { Role } from '../view/line.ts';
import type { DiskRow } from './disks.ts';
import type { Form } from './form.ts';
import type { JobView } from './job-view.ts';
import { type Loaded, nothing } from './loaded.ts';

/** Those with a number, in its order. */
export const tabs = ['machines', 'points', 'chain', 'mounts', 'jobs', 'compare', 'repository'] as const;

export type Tab = (typeof tabs)[number];
export type ScreenName = Tab | 'point' | 'files' | 'job' | 'plan' | 'doctor' | 'log' | 'help';

export interface DiskName {
  readonly machine: string;
  readonly disk: string;
}

/** What is asked for once. */
export interface Slots {
  readonly points: readonly ListedPoint[];
  readonly mounts: readonly MountedThing[];
  readonly saved: readonly JobOverview[];
  readonly runs: readonly ListedRun[];
  readonly contents: RepositoryContents;
  readonly doctor: Diagnosis;
  readonly diff: DiffResult;
  readonly plan: ConsolidationResult;
  readonly files: OpenFiles;
  readonly folder: readonly FileEntry[];
  readonly found: FoundFiles;
}

/** What is asked for of each of several. */
export interface KeyedSlots {
  readonly details: ShownPoint;
  readonly maps: BlockMap;
  readonly holders: readonly Holder[];
}

export type Sorting = 'newest' | 'oldest' | 'largest';

export interface FilesView {
  readonly point: string;
  readonly partition: number | null;
  /** What people call it: `web1/sda 2026-11-20 22:00, partition 2`. */
  readonly title: string;
  /** Below the root (jobs/files/path.ts). */
  readonly folder: string;
  /** What names are searched for below the folder; null when it is just shown. */
  readonly search: string | null;
}

export interface LogLine {
  readonly time: number;
  readonly role: Role;
  readonly text: string;
}

export interface Notice {
  readonly text: string;
  readonly role: Role;
  /** Until when it stands; milliseconds. */
  readonly until: number;
}

export interface Palette {
  readonly value: string;
  readonly cursor: number;
}

export interface State {
  readonly size: { readonly columns: number; readonly rows: number };
  readonly now: number;
  readonly utc: boolean;
  readonly place: Place | null;
  readonly connection: 'none' | 'opening' | 'ready' | 'failed' | 'lost';
  /** Why it is not ready. */
  readonly trouble: Failure | null;
  readonly screen: ScreenName;
  /** Where Esc leads, the last one first. */
  readonly before: readonly ScreenName[];
  readonly slots: { readonly [Name in keyof Slots]: Loaded<Slots[Name]> };
  readonly keyed: { readonly [Name in keyof KeyedSlots]: Readonly<Record<string, Loaded<KeyedSlots[Name]>>> };
  /** All disks, as long as their points are on their way. */
  readonly disks: readonly DiskRow[];
  /** The disk whose points are shown; null for all. */
  readonly disk: DiskName | null;
  readonly sorting: Sorting;
  /** The point whose screen is open. */
  readonly point: string | null;
  /** The point to compare others with. */
  readonly marked: string | null;
  /** The points that are compared, the older first. */
  readonly compared: readonly [a: ListedPoint, b: ListedPoint] | null;
  /** What a plan was made for. */
  readonly policy: ConsolidationRequest | null;
  readonly files: FilesView | null;
  /** Points that a verification of this session found damaged. */
  readonly damaged: ReadonlySet<string>;
  /** What is chosen in each screen's list, and what the list is filtered by. */
  readonly cursors: Readonly<Partial<Record<ScreenName, number>>>;
  readonly filters: Readonly<Partial<Record<ScreenName, string>>>;
  readonly filtering: boolean;
  /** The newest last. */
  readonly jobs: readonly JobView[];
  /** The job whose screen is open. */
  readonly job: number | null;
  readonly form: Form | null;
  readonly palette: Palette | null;
  readonly notice: Notice | null;
  /** The newest last. */
  readonly log: readonly LogLine[];
}

export function firstState(now: number, place: Place | null): State {
  return {
    size: { columns: 80, rows: 24 },
    now,
    utc: false,
    place,
    connection: 'none',
    trouble: null,
    screen: 'machines',
    before: [],
    slots: {
      points: nothing,
      mounts: nothing,
      saved: nothing,
      runs: nothing,
      contents: nothing,
      doctor: nothing,
      diff: nothing,
      plan: nothing,
      files: nothing,
      folder: nothing,
      found: nothing,
    },
    keyed: { details: {}, maps: {}, holders: {} },
    disks: [],
    disk: null,
    sorting: 'newest',
    point: null,
    marked: null,
    compared: null,
    policy: null,
    files: null,
    damaged: new Set(),
    cursors: {},
    filters: {},
    filtering: false,
    jobs: [],
    job: null,
    form: null,
    palette: null,
    notice: null,
    log: [],
  };
}
