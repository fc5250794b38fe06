/** What each command does. */
import type { ListedPoint } from '../../jobs/points.ts';
import { type CommandId, jobAtCursor } from '../commands/commands.ts';
import { newForm, textField } from '../state/form.ts';
import { isRunning } from '../state/job-view.ts';
import { chosenDisk, chosenPoint, disksOf, visibleDisks } from '../state/selectors.ts';
import { type DiskName, type Sorting, tabs } from '../state/state.ts';
import { askBackup } from './backup.ts';
import { askPolicy, askToRun } from './consolidation.ts';
import { askCopy, askSearch, askVersions, closeWhenLeft, folderUp, openFolder, openPartition } from './files.ts';
import { askForce, askHolders, askMount, clearLeftovers, unmount } from './mounting.ts';
import { askKeys } from './passphrases.ts';
import { askForget, askSynthesis, askUndelete, askVerifyAll, compare, protect, verifyPoint } from './points.ts';
import { askRepair } from './repair.ts';
import { askWhat } from './restore-wizard.ts';
import { askJob } from './saved-job.ts';
import { askServe } from './serve.ts';
import type { Ui } from './ui.ts';

const sortings: readonly Sorting[] = ['newest', 'oldest', 'largest'];

export const performers: Readonly<Record<CommandId, (ui: Ui) => void>> = {
  down: (ui) => ui.dispatch({ type: 'move', move: { by: 1 } }),
  up: (ui) => ui.dispatch({ type: 'move', move: { by: -1 } }),
  first: (ui) => ui.dispatch({ type: 'move', move: { to: 'first' } }),
  last: (ui) => ui.dispatch({ type: 'move', move: { to: 'last' } }),
  halfDown: (ui) => ui.dispatch({ type: 'move', move: { halfPages: 1 } }),
  halfUp: (ui) => ui.dispatch({ type: 'move', move: { halfPages: -1 } }),
  pageDown: (ui) => ui.dispatch({ type: 'move', move: { halfPages: 2 } }),
  pageUp: (ui) => ui.dispatch({ type: 'move', move: { halfPages: -2 } }),
  nextDifference: (ui) => ui.dispatch({ type: 'move', move: { by: 1 } }),
  previousDifference: (ui) => ui.dispatch({ type: 'move', move: { by: -1 } }),

  openDisk: (ui) => {
    ui.dispatch({ type: 'disk', disk: chosenDisk(ui.state) });
    ui.dispatch({ type: 'go', screen: 'points' });
  },
  openPoint: (ui) => withPoint(ui, ({ id }) => ui.dispatch({ type: 'point-opened', id })),
  openPartition,
  openFile: openFolder,
  folderUp: (ui) => {
    folderUp(ui);
    closeWhenLeft(ui);
  },
  openJob: (ui) => {
    const job = jobAtCursor(ui.state);
    if (job !== null) ui.dispatch({ type: 'job-opened', id: job.id });
  },

  restore: (ui) => withPoint(ui, (point) => void askWhat(ui, point)),
  mount: (ui) => askMount(ui, chosenPoint(ui.state)),
  markPoint: (ui) =>
    withPoint(ui, ({ id }) => ui.dispatch({ type: 'mark', point: ui.state.marked === id ? null : id })),
  comparePoints: (ui) => withPoint(ui, (point) => compare(ui, point)),
  verify: (ui) => withPoint(ui, (point) => void verifyPoint(ui, point)),
  verifyAll: askVerifyAll,
  protect: (ui) => withPoint(ui, (point) => void protect(ui, point)),
  forget: (ui) => withPoint(ui, (point) => askForget(ui, point)),
  synthesize: (ui) => withPoint(ui, (point) => askSynthesis(ui, point)),
  serve: (ui) => withPoint(ui, (point) => askServe(ui, point)),
  sort: (ui) => {
    const next = sortings[(sortings.indexOf(ui.state.sorting) + 1) % sortings.length] ?? 'newest';
    ui.dispatch({ type: 'sort', sorting: next });
    ui.notice(`sorted: ${next} first`);
  },
  backup: (ui) => void askBackup(ui),
  consolidate: (ui) => askPolicy(ui, diskOfCommand(ui)),
  previousDisk: (ui) => turnDisk(ui, -1),
  nextDisk: (ui) => turnDisk(ui, 1),

  copyOut: askCopy,
  search: askSearch,
  fileVersions: askVersions,

  unmount: (ui) => void unmount(ui),
  forceUnmount: askForce,
  holders: askHolders,
  clearLeftovers: (ui) => void clearLeftovers(ui),
  cancel: (ui) => {
    const job = jobAtCursor(ui.state);
    if (job === null) return;
    ui.dispatch({
      type: 'form',
      form: newForm({
        title: `Cancel job ${job.id}`,
        text: [`${job.action} ${job.subject}`, 'What is already stored is used when it is started again.'],
        fields: [],
        does: 'cancel the job',
        intent: { do: 'cancel', job: job.id },
      }),
    });
  },
  addJob: askJob,
  policy: (ui) => askPolicy(ui, ui.state.policy?.disks?.[0] ?? null),
  runPlan: askToRun,
  collect: (ui) =>
    ui.dispatch({
      type: 'form',
      form: newForm({
        title: 'Collect garbage',
        text: ['What no point needs goes into the trash; what was put there a day ago or earlier is removed.'],
        fields: [],
        does: 'collect',
        intent: { do: 'collect' },
      }),
    }),
  undelete: askUndelete,
  repair: askRepair,
  keys: askKeys,
  doctor: (ui) => {
    ui.dispatch({ type: 'emptied', slot: 'doctor' });
    ui.dispatch({ type: 'go', screen: 'doctor' });
  },

  machines: (ui) => tab(ui, 0),
  points: (ui) => tab(ui, 1),
  chain: (ui) => tab(ui, 2),
  mounts: (ui) => tab(ui, 3),
  jobs: (ui) => tab(ui, 4),
  compare: (ui) => tab(ui, 5),
  repository: (ui) => tab(ui, 6),
  nextTab: (ui) => tab(ui, tabIndex(ui) + 1),
  previousTab: (ui) => tab(ui, tabIndex(ui) + tabs.length - 1),
  filter: (ui) => ui.dispatch({ type: 'filter', to: 'open' }),
  palette: (ui) => ui.dispatch({ type: 'palette', open: true }),
  log: (ui) => {
    ui.dispatch({ type: 'go', screen: 'log' });
    ui.dispatch({ type: 'move', move: { to: 'last' } });
  },
  refresh,
  zone: (ui) => {
    ui.dispatch({ type: 'zone' });
    ui.notice(ui.state.utc ? 'times are UTC' : 'times are those of this machine');
  },
  openRepository: (ui) => askRepository(ui),
  back: (ui) => {
    if (ui.state.screen === 'files') return performers.folderUp(ui);
    ui.dispatch({ type: 'back' });
  },
  suspend: (ui) => ui.suspend(),
  quit: (ui) => {
    const { before } = ui.state;
    if (before.length > 0) return ui.dispatch({ type: 'back' });
    askToQuit(ui);
  },
  help: (ui) => ui.dispatch({ type: 'go', screen: 'help' }),
};

/** Ends the program; asks first while jobs run. */
export function askToQuit(ui: Ui): void {
  const running = ui.state.jobs.filter(isRunning);
  if (running.length === 0) return void ui.quit();
  ui.dispatch({
    type: 'form',
    form: newForm({
      title: 'Quit',
      text: [
        'These are at work, and would be stopped. What they stored is used when they are started again.',
        ...running.map(({ action, subject }) => `  ${action} ${subject}`),
      ],
      fields: [],
      does: 'stop them and quit',
      intent: { do: 'quit' },
    }),
  });
}

/** Asks where the repository is. */
export function askRepository(ui: Ui): void {
  const at = ui.state.place?.location ?? '';
  ui.dispatch({
    type: 'form',
    form: newForm({
      title: 'Open a repository',
      text: ['A folder, or s3://BUCKET/PREFIX. `strata init` makes one; --repo or STRATA_REPO names it beforehand.'],
      fields: [textField('location', 'Repository', at, 'path or s3://…')],
      does: 'open',
      intent: { do: 'open' },
    }),
  });
}

function withPoint(ui: Ui, work: (point: ListedPoint) => void): void {
  const point = chosenPoint(ui.state);
  if (point !== null) work(point);
}

function diskOfCommand(ui: Ui): DiskName | null {
  const point = chosenPoint(ui.state);
  return chosenDisk(ui.state) ?? (point === null ? null : { machine: point.machine, disk: point.disk });
}

function tabIndex({ state }: Ui): number {
  const { screen } = state;
  if (screen === 'point' || screen === 'files') return 1;
  if (screen === 'job') return 4;
  return Math.max(0, (tabs as readonly string[]).indexOf(screen));
}

/** The chain is that of one disk: without one, that of the first. */
function tab(ui: Ui, index: number): void {
  const screen = tabs[index % tabs.length] ?? 'machines';
  const { state } = ui;
  if (screen === 'chain' && state.disk === null) {
    const point = chosenPoint(state) ?? visibleDisks(state)[0]?.newest ?? null;
    if (point !== null) ui.dispatch({ type: 'disk', disk: { machine: point.machine, disk: point.disk } });
  }
  ui.dispatch({ type: 'go', screen, from: 'tab' });
  closeWhenLeft(ui);
}

/** Through the disks, and among points through all of them at once. */
function turnDisk(ui: Ui, step: number) {
  const { disk, screen } = ui.state;
  const disks: readonly (DiskName | null)[] = [...(screen === 'chain' ? [] : [null]), ...disksOf(ui.state)];
  const at = disks.findIndex((row) => row?.machine === disk?.machine && row?.disk === disk?.disk);
  const next = disks[(Math.max(0, at) + step + disks.length) % disks.length];
  if (next === undefined) return;
  ui.dispatch({ type: 'disk', disk: next && { machine: next.machine, disk: next.disk } });
}

function refresh(ui: Ui) {
  const { state } = ui;
  if (state.connection === 'lost') return ui.restart();
  if (state.place === null) return askRepository(ui);
  ui.loadPoints();
  ui.load('mounts', 'mounts', {});
  for (const slot of ['saved', 'runs', 'contents', 'doctor'] as const) ui.dispatch({ type: 'emptied', slot });
  ui.notice('reading again …');
}
