/** What each command does. */
import type { ListedPoint } from '../../jobs/points.ts';
import { type CommandId, jobAtCursor } from '../commands/commands.ts';
import { choiceField, newForm, textField, wordField } from '../state/form.ts';
import { isRunning } from '../state/job-view.ts';
import {
  chosenDisk,
  chosenMount,
  chosenPoint,
  diskPoints,
  disksOf,
  pointOf,
  visibleDisks,
} from '../state/selectors.ts';
import { type DiskName, type Sorting, tabs } from '../state/state.ts';
import { formatMoment } from '../view/format.ts';
import { askPolicy, askToRun } from './consolidation.ts';
import { askCopy, askSearch, askVersions, closeWhenLeft, folderUp, openFolder, openPartition } from './files.ts';
import { describeVerify } from './outcomes.ts';
import { askKeys } from './passphrases.ts';
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
  verify: (ui) => withPoint(ui, (point) => void verify(ui, nameOf(ui, point), { points: [point.id], all: false })),
  verifyAll: (ui) =>
    ui.dispatch({
      type: 'form',
      form: newForm({
        title: 'Verify all points',
        text: ['All blocks of the repository are read and checked. That can take long.'],
        fields: [],
        does: 'verify',
        intent: { do: 'verify-all' },
      }),
    }),
  protect: (ui) => withPoint(ui, (point) => void protect(ui, point)),
  forget: (ui) => withPoint(ui, (point) => askForget(ui, point)),
  synthesize: (ui) => withPoint(ui, (point) => askSynthesis(ui, point)),
  serve: (ui) => withPoint(ui, (point) => askServe(ui, point)),
  sort: (ui) => {
    const next = sortings[(sortings.indexOf(ui.state.sorting) + 1) % sortings.length] ?? 'newest';
    ui.dispatch({ type: 'sort', sorting: next });
    ui.notice(`sorted: ${next} first`);
  },
  backup: (ui) => askBackup(ui),
  consolidate: (ui) => askPolicy(ui, diskOfCommand(ui)),
  previousDisk: (ui) => turnDisk(ui, -1),
  nextDisk: (ui) => turnDisk(ui, 1),

  copyOut: askCopy,
  search: askSearch,
  fileVersions: askVersions,

  unmount: (ui) => void unmount(ui),
  forceUnmount: askForce,
  holders: (ui) => {
    const thing = chosenMount(ui.state);
    if (thing !== null) ui.loadOf('holders', thing.id, 'holders', { id: thing.id });
  },
  clearLeftovers: (ui) =>
    void ui.attempt('clearing up', ui.call('clearLeftovers', {}).result).then((found) => {
      const left = found?.mounts.filter(({ cleared }) => !cleared) ?? [];
      if (found !== null)
        ui.tell(left[0] === undefined ? 'what dead processes left is gone' : `still there: ${left[0].trouble}`);
      ui.load('mounts', 'mounts', {});
    }),
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
  undelete: (ui) => {
    const point = ui.state.slots.contents.value?.forgotten[ui.state.cursors.repository ?? 0];
    if (point === undefined) return;
    ui.dispatch({
      type: 'form',
      form: newForm({
        title: 'Bring a forgotten point back',
        text: [`${point.machine}/${point.disk} of ${formatMoment(point.time, ui.state.utc)}`],
        fields: [],
        does: 'bring it back',
        intent: { do: 'undelete', point: point.id },
      }),
    });
  },
  repair: (ui) =>
    ui.dispatch({
      type: 'form',
      form: newForm({
        title: 'Repair',
        text: [
          'Lost block maps are made anew, and damaged blocks are found again where another copy lies. What cannot be had is named; nothing is removed.',
        ],
        fields: [
          choiceField('write', 'Do', [
            { value: 'no', label: 'say what would be mended, and write nothing' },
            { value: 'yes', label: 'mend it' },
          ]),
          choiceField('read', 'Read', [
            { value: 'all', label: 'all blocks, which can last' },
            { value: 'known', label: 'only what is known to be damaged' },
          ]),
        ],
        does: 'go',
        intent: { do: 'repair' },
      }),
    }),
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

export async function verify(
  ui: Ui,
  subject: string,
  request: { points: readonly string[]; all: boolean },
): Promise<void> {
  const result = await ui.run({ action: 'verify', subject, call: 'verify', request, describe: describeVerify });
  if (result === null) return;
  const ids = (ok: boolean) => result.points.filter((point) => point.ok === ok).map(({ id }) => id);
  ui.dispatch({ type: 'damaged', found: ids(false), good: ids(true) });
  if (result.damaged > 0) ui.tell(`verify ${subject}: ${result.damaged} points are damaged`, 'error');
  ui.loadPoints();
}

function withPoint(ui: Ui, work: (point: ListedPoint) => void): void {
  const point = chosenPoint(ui.state);
  if (point !== null) work(point);
}

function nameOf(ui: Ui, { machine, disk, time }: ListedPoint): string {
  return `${machine}/${disk} ${formatMoment(time, ui.state.utc)}`;
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

function turnDisk(ui: Ui, step: number) {
  const disks = disksOf(ui.state);
  const { disk } = ui.state;
  const at = disk === null ? -1 : disks.findIndex((row) => row.machine === disk.machine && row.disk === disk.disk);
  const next = disks[(Math.max(0, at) + (at < 0 && step > 0 ? 0 : step) + disks.length) % disks.length];
  if (next !== undefined) ui.dispatch({ type: 'disk', disk: { machine: next.machine, disk: next.disk } });
}

/** With the marked point, else with the one before. */
function compare(ui: Ui, point: ListedPoint) {
  const other = pointOf(ui.state, ui.state.marked ?? point.parent);
  if (other === null)
    return ui.notice('the point that it stands on was forgotten: mark another one with space', 'warn');
  const [a, b] = other.time < point.time ? [other, point] : [point, other];
  ui.dispatch({ type: 'compare', a, b });
  ui.dispatch({ type: 'emptied', slot: 'diff' });
  ui.dispatch({ type: 'go', screen: 'compare' });
  ui.load('diff', 'diff', { a: a.id, b: b.id });
}

async function protect(ui: Ui, point: ListedPoint): Promise<void> {
  const result = await ui.attempt('protect', ui.call('protect', { point: point.id, wanted: !point.protected }).result);
  if (result === null) return;
  ui.tell(`${nameOf(ui, point)} is ${result.protected ? 'protected' : 'not protected any more'}`, 'ok');
  ui.loadPoints();
}

function askMount(ui: Ui, show: ListedPoint | null): void {
  ui.dispatch({
    type: 'form',
    form: newForm({
      title: 'Mount',
      text: [
        'All points appear below this folder, each as raw, VHDX, VHD, VMDK and qcow2 file, read-only. It is made if need be, and stays mounted when this program ends.',
      ],
      fields: [textField('directory', 'Folder', '/mnt/strata')],
      does: 'mount',
      intent: { do: 'mount', show },
    }),
  });
}

async function unmount(ui: Ui): Promise<void> {
  const thing = chosenMount(ui.state);
  if (thing === null) return;
  const [directory] = thing.directories;
  if (thing.state === 'leftover') return ui.notice('a dead process left it: D clears it', 'warn');
  if (thing.kind === 'nbd') return ui.notice(`it ends with process ${thing.pid}, which serves it`, 'warn');
  ui.notice('unmounting …');
  const result =
    thing.kind === 'drive'
      ? await ui.attempt('detach', ui.call('detach', { id: thing.id, force: false }).result)
      : await ui.attempt('unmount', ui.call('umount', { directory: directory ?? '', force: false }).result);
  if (result !== null) ui.tell(`${directory ?? thing.id} is not mounted any more`, 'ok');
  ui.load('mounts', 'mounts', {});
}

function askForce(ui: Ui) {
  const thing = chosenMount(ui.state);
  if (thing === null) return;
  if (thing.kind === 'nbd') return ui.notice(`it ends with process ${thing.pid}, which serves it`, 'warn');
  const directory = thing.kind === 'mount' ? (thing.directories[0] ?? null) : null;
  ui.dispatch({
    type: 'form',
    form: newForm({
      title: 'Unmount by force',
      text: [directory ?? `drive ${thing.id}`, { text: 'Whoever reads from it gets an error.', role: 'error' }],
      fields: [wordField('force')],
      does: 'unmount',
      intent: { do: 'force-unmount', directory, drive: thing.kind === 'drive' ? thing.id : null },
    }),
  });
}

function askForget(ui: Ui, point: ListedPoint): void {
  const needed = diskPoints(ui.state).some(({ parent }) => parent === point.id);
  ui.dispatch({
    type: 'form',
    form: newForm({
      title: 'Forget a restore point',
      text: [
        nameOf(ui, point),
        needed ? 'Points that stand on it stay readable.' : 'No other point stands on it.',
        'It can be brought back until garbage is collected (7 Repository).',
      ],
      fields: [wordField(point.machine)],
      does: 'forget',
      intent: { do: 'forget', point },
    }),
  });
}

function askSynthesis(ui: Ui, point: ListedPoint): void {
  ui.dispatch({
    type: 'form',
    form: newForm({
      title: 'Synthetic full',
      text: [
        `${nameOf(ui, point)}, at the end of a chain of ${point.chainLength}`,
        'A new point of the same content that stands on no other. The points that it is made of stay.',
      ],
      fields: [
        choiceField('mode', 'Blocks', [
          { value: 'reference', label: 'referred to where they lie: nothing is moved' },
          { value: 'copy', label: 'copied into new packs, in the order of the disk' },
        ]),
      ],
      does: 'make it',
      intent: { do: 'synthesize', point },
    }),
  });
}

function askBackup(ui: Ui): void {
  const point = chosenPoint(ui.state);
  const disk = diskOfCommand(ui);
  const source = point === null ? '' : (ui.state.keyed.details[point.id]?.value?.source.path ?? '');
  ui.dispatch({
    type: 'form',
    form: newForm({
      title: 'Back up now',
      text: ['A block device, or an image file. The first point of a disk is full, later ones hold what changed.'],
      fields: [
        textField('source', 'Source', source, '/dev/…'),
        textField('machine', 'Machine', disk?.machine ?? '', "this host's name"),
        textField('disk', 'Disk', disk?.disk ?? '', "the source's name"),
      ],
      does: 'back up',
      intent: { do: 'backup' },
    }),
  });
}

function refresh(ui: Ui) {
  const { state } = ui;
  if (state.connection === 'lost') return ui.restart();
  if (state.place === null) return askRepository(ui);
  ui.loadPoints();
  ui.load('mounts', 'mounts', {});
  for (const slot of ['runs', 'contents', 'doctor'] as const) ui.dispatch({ type: 'emptied', slot });
  ui.notice('reading again …');
}
