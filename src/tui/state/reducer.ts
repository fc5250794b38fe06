/** The state after something happened. Pure: nothing is asked for here, no clock is read. */
import type { ConsolidationRequest } from '../../jobs/consolidate.ts';
import type { Failure, JobEvent } from '../../jobs/job.ts';
import type { ListedPoint } from '../../jobs/points.ts';
import type { Place } from '../engine/protocol.ts';
import type { Role } from '../view/line.ts';
import type { DiskRow } from './disks.ts';
import { edit, editText, type Form, type FormKey } from './form.ts';
import { hasWarnings, hearEvent, isRunning, type JobState, type JobView, newJob } from './job-view.ts';
import { asked, came, failed, type Loaded, nothing } from './loaded.ts';
import { rowCount, stepOf, visiblePoints } from './selectors.ts';
import {
  type DiskName,
  type FilesView,
  firstState,
  type KeyedSlots,
  type ScreenName,
  type Slots,
  type Sorting,
  type State,
} from './state.ts';

/** Lines of the log that are kept. */
const logKept = 1000;
/** Milliseconds that a notice stands; what went wrong has to be read at night, over a slow line. */
const noticeStands = { text: 5000, ok: 10_000, warn: 10_000, error: 15_000 } as const;

export type Move = { readonly by: number } | { readonly halfPages: number } | { readonly to: 'first' | 'last' };

export type Action =
  | { readonly type: 'tick'; readonly now: number }
  | { readonly type: 'resized'; readonly columns: number; readonly rows: number }
  | { readonly type: 'connection'; readonly to: State['connection']; readonly trouble?: Failure }
  | { readonly type: 'place'; readonly place: Place }
  | { readonly type: 'go'; readonly screen: ScreenName; readonly from?: 'tab' | 'here' }
  | { readonly type: 'back' }
  | { readonly type: 'move'; readonly move: Move }
  | { readonly type: 'choose'; readonly index: number }
  | { readonly type: 'asked'; readonly slot: keyof Slots; readonly now: number }
  | { readonly type: 'came'; readonly slot: keyof Slots; readonly value: unknown; readonly now: number }
  | { readonly type: 'failed'; readonly slot: keyof Slots; readonly failure: Failure }
  | { readonly type: 'emptied'; readonly slot: keyof Slots }
  | { readonly type: 'asked-of'; readonly slot: keyof KeyedSlots; readonly key: string; readonly now: number }
  | {
      readonly type: 'came-of';
      readonly slot: keyof KeyedSlots;
      readonly key: string;
      readonly value: unknown;
      readonly now: number;
    }
  | { readonly type: 'failed-of'; readonly slot: keyof KeyedSlots; readonly key: string; readonly failure: Failure }
  | { readonly type: 'disks'; readonly disks: readonly DiskRow[] }
  | { readonly type: 'disk'; readonly disk: DiskName | null }
  | { readonly type: 'sort'; readonly sorting: Sorting }
  | { readonly type: 'zone' }
  | { readonly type: 'point-opened'; readonly id: string }
  | { readonly type: 'mark'; readonly point: string | null }
  | { readonly type: 'compare'; readonly a: ListedPoint; readonly b: ListedPoint }
  | { readonly type: 'policy'; readonly policy: ConsolidationRequest }
  | { readonly type: 'files'; readonly files: FilesView | null }
  | { readonly type: 'damaged'; readonly found: readonly string[]; readonly good: readonly string[] }
  | { readonly type: 'filter'; readonly to: 'open' | 'keep' | 'clear' }
  | { readonly type: 'filter-key'; readonly key: FormKey }
  | {
      readonly type: 'job-began';
      readonly id: number;
      readonly action: string;
      readonly subject: string;
      /** It waits for its turn. */
      readonly isQueued?: boolean;
      readonly now: number;
    }
  | { readonly type: 'job-started'; readonly id: number; readonly now: number }
  | { readonly type: 'job-event'; readonly id: number; readonly event: JobEvent; readonly now: number }
  | { readonly type: 'job-stopping'; readonly id: number }
  | {
      readonly type: 'job-ended';
      readonly id: number;
      readonly outcome: readonly string[];
      readonly failure: Failure | null;
      readonly state?: JobState;
      readonly now: number;
    }
  | { readonly type: 'job-opened'; readonly id: number }
  | { readonly type: 'form'; readonly form: Form | null }
  | { readonly type: 'form-key'; readonly key: FormKey }
  | { readonly type: 'form-problem'; readonly problem: string }
  | { readonly type: 'form-busy'; readonly doing: string }
  | { readonly type: 'palette'; readonly open: boolean }
  | { readonly type: 'palette-key'; readonly key: FormKey }
  | { readonly type: 'notice'; readonly text: string; readonly role: Role; readonly now: number }
  | { readonly type: 'log'; readonly text: string; readonly role: Role; readonly now: number };

export function reduce(state: State, action: Action): State {
  switch (action.type) {
    case 'tick': {
      const { notice } = state;
      return { ...state, now: action.now, notice: notice !== null && notice.until <= action.now ? null : notice };
    }
    case 'resized':
      return settle({ ...state, size: { columns: action.columns, rows: action.rows } });
    case 'connection':
      return { ...state, connection: action.to, trouble: action.trouble ?? null };
    case 'place': {
      const isSame = state.place?.location === action.place.location;
      const { slots, keyed, disks, disk } = isSame ? state : firstState(state.now, action.place);
      return { ...state, place: action.place, slots, keyed, disks, disk };
    }
    case 'go':
      return go(state, action.screen, action.from ?? 'here');
    case 'back':
      return back(state);
    case 'move':
      return moved(state, action.move);
    case 'choose':
      return settle({ ...state, cursors: { ...state.cursors, [state.screen]: action.index } });
    case 'asked':
      return withSlot(state, action.slot, asked(state.slots[action.slot] as Loaded<unknown>, action.now));
    case 'came':
      return arrived(state, action.slot, came(action.value, action.now));
    case 'failed':
      return withSlot(state, action.slot, failed(state.slots[action.slot] as Loaded<unknown>, action.failure));
    case 'emptied':
      return withSlot(state, action.slot, nothing);
    case 'asked-of':
      return withKeyed(state, action, (before) => asked(before, action.now));
    case 'came-of':
      return withKeyed(state, action, () => came(action.value, action.now));
    case 'failed-of':
      return withKeyed(state, action, (before) => failed(before, action.failure));
    case 'disks':
      return settle({ ...state, disks: action.disks });
    case 'disk':
      return settle({ ...state, disk: action.disk, cursors: { ...state.cursors, points: 0, chain: 0 } });
    case 'sort':
      return { ...state, sorting: action.sorting, cursors: { ...state.cursors, points: 0 } };
    case 'zone':
      return { ...state, utc: !state.utc };
    case 'point-opened':
      return go({ ...state, point: action.id, cursors: { ...state.cursors, point: 0 } }, 'point', 'here');
    case 'mark':
      return { ...state, marked: action.point };
    case 'compare':
      return { ...state, compared: [action.a, action.b], cursors: { ...state.cursors, compare: 0 } };
    case 'policy':
      return { ...state, policy: action.policy };
    case 'files':
      return {
        ...state,
        files: action.files,
        cursors: { ...state.cursors, files: 0 },
        filters: { ...state.filters, files: '' },
      };
    case 'damaged':
      return {
        ...state,
        damaged: new Set([...state.damaged, ...action.found].filter((id) => !action.good.includes(id))),
      };
    case 'filter':
      return filterTo(state, action.to);
    case 'filter-key': {
      const value = state.filters[state.screen] ?? '';
      const text = editText({ value, cursor: value.length }, action.key).value;
      return settle({
        ...state,
        filters: { ...state.filters, [state.screen]: text },
        cursors: { ...state.cursors, [state.screen]: 0 },
      });
    }
    case 'job-began':
      return { ...state, jobs: [...state.jobs, newJob(action, action.now)] };
    case 'job-started':
      return withJob(state, action.id, (job) => ({
        ...job,
        state: job.state === 'queued' ? 'running' : job.state,
        started: action.now,
        reported: action.now,
        stageBegan: action.now,
      }));
    case 'job-event':
      return withJob(state, action.id, (job) => hearEvent(job, action.event, action.now));
    case 'job-stopping':
      return withJob(state, action.id, (job) => (isRunning(job) ? { ...job, state: 'stopping' } : job));
    case 'job-ended':
      return jobEnded(state, action);
    case 'job-opened':
      return go({ ...state, job: action.id }, 'job', 'here');
    case 'form':
      return { ...state, form: action.form, filtering: false, palette: null };
    case 'form-key':
      return state.form === null ? state : { ...state, form: edit(state.form, action.key) };
    case 'form-problem':
      return state.form === null ? state : { ...state, form: { ...state.form, problem: action.problem, busy: null } };
    case 'form-busy':
      return state.form === null ? state : { ...state, form: { ...state.form, problem: null, busy: action.doing } };
    case 'palette':
      return { ...state, palette: action.open ? { value: '', cursor: 0 } : null };
    case 'palette-key':
      return paletteKey(state, action.key);
    case 'notice':
      return { ...state, notice: { text: action.text, role: action.role, until: action.now + standsOf(action.role) } };
    case 'log': {
      const line = { time: action.now, role: action.role, text: action.text };
      return { ...state, log: [...state.log, line].slice(-logKept) };
    }
  }
}

function standsOf(role: Role): number {
  return role === 'ok' || role === 'warn' || role === 'error' ? noticeStands[role] : noticeStands.text;
}

function go(state: State, screen: ScreenName, from: 'tab' | 'here'): State {
  if (screen === state.screen) return state;
  const before = from === 'tab' ? [] : [state.screen, ...state.before];
  return settle({ ...state, screen, before, filtering: false });
}

/** Esc takes away one thing: the filter, then the screen. */
function back(state: State): State {
  if (state.filters[state.screen]) return filterTo(state, 'clear');
  const [screen, ...before] = state.before;
  return screen === undefined ? state : settle({ ...state, screen, before });
}

function moved(state: State, move: Move): State {
  const rows = rowCount(state);
  const at = state.cursors[state.screen] ?? 0;
  const to =
    'to' in move
      ? move.to === 'first'
        ? 0
        : rows - 1
      : at + ('by' in move ? move.by : move.halfPages * stepOf(state));
  return settle({ ...state, cursors: { ...state.cursors, [state.screen]: to } });
}

/** The cursor stays within the list. */
function settle(state: State): State {
  const at = state.cursors[state.screen] ?? 0;
  const within = Math.max(0, Math.min(at, rowCount(state) - 1));
  return within === at ? state : { ...state, cursors: { ...state.cursors, [state.screen]: within } };
}

function filterTo(state: State, to: 'open' | 'keep' | 'clear'): State {
  if (to === 'clear') return settle({ ...state, filtering: false, filters: { ...state.filters, [state.screen]: '' } });
  return { ...state, filtering: to === 'open' };
}

function withSlot(state: State, slot: keyof Slots, value: Loaded<unknown>): State {
  return { ...state, slots: { ...state.slots, [slot]: value } };
}

/** Points that come and go must not move the cursor to another one. */
function arrived(state: State, slot: keyof Slots, value: Loaded<unknown>): State {
  const next = withSlot(state, slot, value);
  if (slot !== 'points') return settle(next);
  const chosen = visiblePoints(state)[state.cursors.points ?? 0]?.id;
  const index = chosen === undefined ? -1 : visiblePoints(next).findIndex(({ id }) => id === chosen);
  return settle(index < 0 ? next : { ...next, cursors: { ...next.cursors, points: index } });
}

function withKeyed(
  state: State,
  { slot, key }: { readonly slot: keyof KeyedSlots; readonly key: string },
  change: (before: Loaded<unknown>) => Loaded<unknown>,
): State {
  const all = state.keyed[slot] as Readonly<Record<string, Loaded<unknown>>>;
  return { ...state, keyed: { ...state.keyed, [slot]: { ...all, [key]: change(all[key] ?? nothing) } } };
}

function withJob(state: State, id: number, change: (job: JobView) => JobView): State {
  return { ...state, jobs: state.jobs.map((job) => (job.id === id ? change(job) : job)) };
}

function jobEnded(
  state: State,
  { id, outcome, failure, state: given, now }: Extract<Action, { type: 'job-ended' }>,
): State {
  return withJob(state, id, (job) => {
    const bad: JobState = failure?.code === 'INTERRUPTED' ? 'stopped' : 'failed';
    const good: JobState = given ?? (hasWarnings(job) ? 'warnings' : 'done');
    return { ...job, state: failure === null ? good : bad, ended: now, outcome, failure };
  });
}

function paletteKey(state: State, key: FormKey): State {
  const { palette } = state;
  if (palette === null) return state;
  if (key.key === 'next' || key.key === 'down')
    return { ...state, palette: { ...palette, cursor: palette.cursor + 1 } };
  if (key.key === 'previous' || key.key === 'up')
    return { ...state, palette: { ...palette, cursor: Math.max(0, palette.cursor - 1) } };
  const { value } = editText({ value: palette.value, cursor: palette.value.length }, key);
  return { ...state, palette: { value, cursor: 0 } };
}
