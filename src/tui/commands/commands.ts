/**
 * Every command, once: footer, help and palette are made of this table, and keys are looked up in it. A command that cannot
 * be used now says why instead of doing nothing.
 */
import { isRunning } from '../state/job-view.ts';
import { chosenDisk, chosenMount, chosenPoint, partitionsOf, rowCount, visibleFiles } from '../state/selectors.ts';
import type { ScreenName, State } from '../state/state.ts';

export interface Command {
  readonly label: string;
  /** As keyName() of input.ts gives them; the first is shown. */
  readonly keys: readonly string[];
  /** Where it is there; absent: everywhere. */
  readonly screens?: readonly ScreenName[];
  /** Footer: the smaller the earlier; absent: not in the footer. */
  readonly footer?: number;
  /** A part of the help; absent: not in the palette either. */
  readonly group: 'move' | 'go' | 'do';
  /** True, or why it cannot be used now. */
  readonly enabled?: (state: State) => true | string;
}

const onPoint: readonly ScreenName[] = ['points', 'point', 'chain'];
const onDisk: readonly ScreenName[] = ['machines', 'points', 'point', 'chain'];
const lists: readonly ScreenName[] = ['machines', 'points', 'files'];

const ready = ({ connection }: State) => connection === 'ready' || 'the repository is not open';
const pointChosen = (state: State) => chosenPoint(state) !== null || 'there is no restore point here';
const diskChosen = (state: State) =>
  chosenDisk(state) !== null || chosenPoint(state) !== null || 'choose a disk first: 1';
const mountChosen = (state: State) => chosenMount(state) !== null || 'nothing is mounted';
const fileChosen = (state: State) => visibleFiles(state).length > 0 || 'there is no file here';
const jobRuns = (state: State) => {
  const job = jobAtCursor(state);
  return (job !== null && isRunning(job)) || 'this job is not running';
};

/** The job that the screen is about. */
export function jobAtCursor(state: State) {
  if (state.screen === 'job') return state.jobs.find(({ id }) => id === state.job) ?? null;
  return state.jobs.toReversed()[state.cursors.jobs ?? 0] ?? null;
}

export const commands = {
  down: { label: 'down', keys: ['j', 'down'], group: 'move' },
  up: { label: 'up', keys: ['k', 'up'], group: 'move' },
  first: { label: 'to the first', keys: ['g', 'home'], group: 'move' },
  last: { label: 'to the last', keys: ['G', 'end'], group: 'move' },
  halfDown: { label: 'half a page down', keys: ['ctrl-d'], group: 'move' },
  halfUp: { label: 'half a page up', keys: ['ctrl-u'], group: 'move' },
  pageDown: { label: 'a page down', keys: ['pgdn'], group: 'move' },
  pageUp: { label: 'a page up', keys: ['pgup'], group: 'move' },

  openDisk: {
    label: 'points',
    keys: ['enter', 'l', 'right'],
    screens: ['machines'],
    footer: 1,
    group: 'go',
    enabled: diskChosen,
  },
  openPoint: {
    label: 'details',
    keys: ['enter', 'l', 'right'],
    screens: ['points', 'chain'],
    footer: 1,
    group: 'go',
    enabled: pointChosen,
  },
  openPartition: {
    label: 'look inside',
    keys: ['enter', 'l', 'right'],
    screens: ['point'],
    footer: 1,
    group: 'go',
    enabled: (state) => partitionsOf(state).length > 0 || 'no file system was found in this point',
  },
  openFile: {
    label: 'open folder',
    keys: ['enter', 'l', 'right'],
    screens: ['files'],
    footer: 1,
    group: 'go',
    enabled: (state) =>
      visibleFiles(state)[state.cursors.files ?? 0]?.kind === 'folder' ||
      'this is no folder; c copies it out of the point',
  },
  folderUp: { label: 'folder up', keys: ['h', 'left', 'backspace'], screens: ['files'], footer: 2, group: 'go' },
  openJob: {
    label: 'details',
    keys: ['enter', 'l', 'right'],
    screens: ['jobs'],
    footer: 1,
    group: 'go',
    enabled: (state) =>
      jobAtCursor(state) !== null || 'only jobs of this session have details; below is all that is known of this one',
  },

  restore: { label: 'restore', keys: ['r'], screens: onPoint, footer: 2, group: 'do', enabled: pointChosen },
  mount: { label: 'mount', keys: ['m'], screens: [...onPoint, 'mounts'], footer: 3, group: 'do', enabled: ready },
  markPoint: {
    label: 'mark',
    keys: ['space'],
    screens: ['points', 'chain'],
    footer: 6,
    group: 'do',
    enabled: pointChosen,
  },
  comparePoints: {
    label: 'compare',
    keys: ['c'],
    screens: onPoint,
    footer: 4,
    group: 'do',
    enabled: (state) => {
      const point = chosenPoint(state);
      if (point === null) return 'there is no restore point here';
      if (state.marked !== null) return state.marked !== point.id || 'this is the marked point: choose another one';
      return point.parent !== null || 'mark the other point first: space';
    },
  },
  verify: { label: 'verify', keys: ['v'], screens: onPoint, footer: 5, group: 'do', enabled: pointChosen },
  protect: { label: 'protect or unprotect', keys: ['p'], screens: onPoint, group: 'do', enabled: pointChosen },
  forget: {
    label: 'forget',
    keys: ['d'],
    screens: onPoint,
    group: 'do',
    enabled: (state) => {
      const point = chosenPoint(state);
      if (point === null) return 'there is no restore point here';
      return !point.protected || 'it is protected: p takes that back';
    },
  },
  synthesize: {
    label: 'synthetic full',
    keys: ['y'],
    screens: onPoint,
    group: 'do',
    enabled: (state) => {
      const point = chosenPoint(state);
      if (point === null) return 'there is no restore point here';
      return point.kind === 'incremental' || `it is a ${point.kind} point: it stands on no other`;
    },
  },
  serve: { label: 'serve over NBD', keys: ['n'], screens: onPoint, group: 'do', enabled: pointChosen },
  sort: { label: 'sort', keys: ['s'], screens: ['points'], footer: 7, group: 'do' },
  backup: { label: 'back up', keys: ['b'], screens: onDisk, footer: 8, group: 'do', enabled: ready },
  consolidate: { label: 'consolidate', keys: ['C'], screens: onDisk, footer: 9, group: 'do', enabled: diskChosen },
  previousDisk: { label: 'previous disk', keys: ['['], screens: ['points', 'chain'], group: 'go' },
  nextDisk: { label: 'next disk', keys: [']'], screens: ['points', 'chain'], group: 'go' },

  copyOut: { label: 'copy out', keys: ['c'], screens: ['files'], footer: 3, group: 'do', enabled: fileChosen },
  search: { label: 'search below', keys: ['f'], screens: ['files'], footer: 4, group: 'do' },

  fileVersions: {
    label: 'compare across points',
    keys: ['v'],
    screens: ['files'],
    footer: 5,
    group: 'do',
    enabled: (state) => visibleFiles(state)[state.cursors.files ?? 0]?.kind === 'file' || 'this is no file; choose one',
  },

  unmount: { label: 'unmount', keys: ['u'], screens: ['mounts'], footer: 1, group: 'do', enabled: mountChosen },
  forceUnmount: {
    label: 'unmount by force',
    keys: ['U'],
    screens: ['mounts'],
    footer: 4,
    group: 'do',
    enabled: mountChosen,
  },
  holders: { label: 'who uses it', keys: ['w'], screens: ['mounts'], footer: 2, group: 'do', enabled: mountChosen },
  clearLeftovers: {
    label: 'clear leftovers',
    keys: ['D'],
    screens: ['mounts'],
    footer: 5,
    group: 'do',
    enabled: ({ slots }) =>
      slots.mounts.value?.some(({ state }) => state === 'leftover') === true || 'no dead process left anything',
  },
  cancel: { label: 'cancel', keys: ['x'], screens: ['jobs', 'job'], footer: 2, group: 'do', enabled: jobRuns },
  addJob: { label: 'save a job', keys: ['a'], screens: ['jobs'], footer: 3, group: 'do', enabled: ready },
  nextDifference: { label: 'next', keys: ['n'], screens: ['compare'], footer: 1, group: 'move' },
  previousDifference: { label: 'previous', keys: ['N'], screens: ['compare'], footer: 2, group: 'move' },
  policy: { label: 'change policy', keys: ['e'], screens: ['plan'], footer: 2, group: 'do' },
  runPlan: {
    label: 'carry it out',
    keys: ['X'],
    screens: ['plan'],
    footer: 1,
    group: 'do',
    enabled: ({ slots }) => slots.plan.value !== null || 'there is no plan',
  },
  collect: { label: 'collect garbage', keys: ['c'], screens: ['repository'], footer: 1, group: 'do', enabled: ready },
  verifyAll: {
    label: 'verify all',
    keys: ['v'],
    screens: ['repository', 'machines'],
    footer: 2,
    group: 'do',
    enabled: ready,
  },
  undelete: {
    label: 'bring back',
    keys: ['u'],
    screens: ['repository'],
    footer: 3,
    group: 'do',
    enabled: ({ slots }) =>
      (slots.contents.value?.forgotten.length ?? 0) > 0 || 'no forgotten point can be brought back',
  },
  repair: { label: 'repair', keys: ['r'], screens: ['repository'], footer: 5, group: 'do', enabled: ready },
  keys: {
    label: 'passphrases',
    keys: ['p'],
    screens: ['repository'],
    footer: 6,
    group: 'do',
    enabled: ({ slots }) => {
      if (slots.contents.value === null) return 'the repository is still being read';
      return slots.contents.value.keys.length > 0 || 'it is not encrypted: it has no passphrase';
    },
  },
  doctor: { label: 'this machine', keys: ['D'], screens: ['repository'], footer: 4, group: 'go', enabled: ready },

  machines: { label: 'Machines', keys: ['1'], group: 'go' },
  points: { label: 'Points', keys: ['2'], group: 'go' },
  chain: { label: 'Chain', keys: ['3'], group: 'go' },
  mounts: { label: 'Mounts', keys: ['4'], group: 'go' },
  jobs: { label: 'Jobs', keys: ['5'], group: 'go' },
  compare: { label: 'Compare', keys: ['6'], group: 'go' },
  repository: { label: 'Repository', keys: ['7'], group: 'go' },
  nextTab: { label: 'next screen', keys: ['tab'], group: 'go' },
  previousTab: { label: 'previous screen', keys: ['shift-tab'], group: 'go' },
  filter: {
    label: 'filter',
    keys: ['/'],
    screens: lists,
    footer: 20,
    group: 'do',
    enabled: (state) => rowCount(state) > 0 || Boolean(state.filters[state.screen]) || 'there is nothing to filter',
  },
  palette: { label: 'commands', keys: [':'], footer: 30, group: 'go' },
  log: { label: 'log', keys: ['!'], group: 'go' },
  refresh: { label: 'read again', keys: ['R'], footer: 29, group: 'do' },
  zone: { label: 'UTC or local time', keys: ['Z'], group: 'do' },
  openRepository: { label: 'another repository', keys: ['O'], group: 'go' },
  back: { label: 'back', keys: ['esc'], group: 'go' },
  suspend: { label: 'suspend', keys: ['ctrl-z'], group: 'go' },
  quit: { label: 'quit', keys: ['q', 'ctrl-c'], footer: 31, group: 'go' },
  help: { label: 'help', keys: ['?'], footer: 0, group: 'go' },
} as const satisfies Record<string, Command>;

export type CommandId = keyof typeof commands;

const all = Object.entries(commands) as readonly (readonly [CommandId, Command])[];

/** The commands of a screen, in the order of the table. */
export function commandsOn(screen: ScreenName): readonly (readonly [CommandId, Command])[] {
  return all.filter(([, { screens }]) => screens === undefined || screens.includes(screen));
}

/** What a key does on a screen; what is of the screen itself goes before what is everywhere. */
export function commandFor(key: string, screen: ScreenName): CommandId | null {
  const matching = commandsOn(screen).filter(([, { keys }]) => keys.includes(key));
  const [id] = matching.find(([, { screens }]) => screens !== undefined) ?? matching[0] ?? [];
  return id ?? null;
}

/** Whether a command can be used now: true, or why not. */
export function isEnabled(id: CommandId, state: State): true | string {
  const command: Command = commands[id];
  return command.enabled?.(state) ?? true;
}

/** The commands that the palette offers for what was typed, the screen's own ones first. */
export function offered(state: State): readonly (readonly [CommandId, Command])[] {
  const wanted = (state.palette?.value ?? '').toLowerCase();
  const there = commandsOn(state.screen).filter(([, { group }]) => group !== 'move');
  const own = ([, { screens }]: readonly [CommandId, Command]) => (screens === undefined ? 1 : 0);
  return there.filter(([, { label }]) => label.toLowerCase().includes(wanted)).toSorted((a, b) => own(a) - own(b));
}

const names: Readonly<Record<string, string>> = {
  enter: 'Enter',
  esc: 'Esc',
  space: 'space',
  tab: 'Tab',
  'shift-tab': 'Shift-Tab',
  up: 'Up',
  down: 'Down',
  left: 'Left',
  right: 'Right',
  home: 'Home',
  end: 'End',
  pgup: 'PgUp',
  pgdn: 'PgDn',
  backspace: 'Backspace',
};

/** A key as people write it. */
export function keyLabel(key: string): string {
  return names[key] ?? key.replace(/^ctrl-(.)$/, (_, letter: string) => `Ctrl-${letter.toUpperCase()}`);
}
