/** The file browser: a point is attached when its files are opened and detached when they are left. */
import type { ListedPoint } from '../../jobs/points.ts';
import { choiceField, newForm, textField } from '../state/form.ts';
import { isRunning } from '../state/job-view.ts';
import { partitionsOf, pointOf, visibleFiles } from '../state/selectors.ts';
import { atHome } from '../state/words.ts';
import { formatMoment } from '../view/format.ts';
import { describeCopy, describeVersions } from './outcomes.ts';
import type { Ui } from './ui.ts';

/** Opens the partition that the cursor is on. */
export function openPartition(ui: Ui): void {
  const { state } = ui;
  const point = pointOf(state, state.point);
  const partition = partitionsOf(state)[state.cursors.point ?? 0];
  if (point === null || partition === undefined) return;
  const { machine, disk, time, id } = point;
  const part = partition.number === null ? '' : `, partition ${partition.number}`;
  const title = `${machine}/${disk} ${formatMoment(time, state.utc)}${part}`;
  for (const slot of ['files', 'folder', 'found'] as const) ui.dispatch({ type: 'emptied', slot });
  ui.dispatch({ type: 'files', files: { point: id, partition: partition.number, title, folder: '', search: null } });
  ui.dispatch({ type: 'go', screen: 'files' });
  ui.load('files', 'openFiles', { point: id, partition: partition.number }, ({ root }) => {
    ui.load('folder', 'folder', { root, folder: '' });
    closeWhenLeft(ui); // Esc may have been faster
  });
}

/** Opens the folder that the cursor is on. */
export function openFolder(ui: Ui): void {
  const entry = visibleFiles(ui.state)[ui.state.cursors.files ?? 0];
  if (entry?.kind === 'folder') showFolder(ui, entry.key);
}

/** Leads out of a search, then up; from the top out of the files. */
export function folderUp(ui: Ui) {
  const { files } = ui.state;
  if (files === null) return;
  if (files.search !== null) return showFolder(ui, files.folder);
  if (files.folder === '') return ui.dispatch({ type: 'back' });
  const parent = files.folder.includes('/') ? files.folder.slice(0, files.folder.lastIndexOf('/')) : '';
  showFolder(ui, parent, files.folder);
}

/** `from`: the folder that the cursor is put on. */
function showFolder(ui: Ui, folder: string, from?: string): void {
  const { files, slots } = ui.state;
  const root = slots.files.value?.root;
  if (files === null || root === undefined) return;
  ui.dispatch({ type: 'files', files: { ...files, folder, search: null } });
  ui.load('folder', 'folder', { root, folder }, () => {
    const index = visibleFiles(ui.state).findIndex(({ key }) => key === from);
    if (index > 0) ui.dispatch({ type: 'choose', index });
  });
}

/** Detaches the drive when the files are not looked at any more, and nothing is being copied out of them. */
export function closeWhenLeft(ui: Ui): void {
  const { files, slots, screen, before, jobs } = ui.state;
  if (files === null || slots.files.value === null) return;
  if (screen === 'files' || before.includes('files')) return;
  if (jobs.some((job) => job.action === 'copy' && isRunning(job))) return;
  ui.dispatch({ type: 'files', files: null });
  ui.dispatch({ type: 'emptied', slot: 'files' });
  void ui.attempt('closing the files', ui.call('closeFiles', {}).result).then(() => ui.load('mounts', 'mounts', {}));
}

export function askSearch(ui: Ui): void {
  ui.dispatch({
    type: 'form',
    form: newForm({
      title: 'Search below this folder',
      fields: [textField('text', 'Part of the name')],
      does: 'search',
      intent: { do: 'search' },
    }),
  });
}

export function search(ui: Ui, text: string): void {
  const { files, slots } = ui.state;
  const root = slots.files.value?.root;
  ui.dispatch({ type: 'form', form: null });
  if (files === null || root === undefined || text === '') return;
  ui.dispatch({ type: 'emptied', slot: 'found' });
  ui.dispatch({ type: 'files', files: { ...files, search: text } });
  ui.load('found', 'find', { root, folder: files.folder, text });
}

export function askCopy(ui: Ui): void {
  const entry = visibleFiles(ui.state)[ui.state.cursors.files ?? 0];
  if (entry === undefined) return;
  ui.dispatch({
    type: 'form',
    form: newForm({
      title: `Copy ${entry.name} out of the point`,
      text: ['Into a folder that exists, or to a new name. Nothing is overwritten.'],
      fields: [textField('to', 'To', `${process.cwd()}/`)],
      does: 'copy',
      intent: { do: 'copy-out', key: entry.key, name: entry.name },
    }),
  });
}

export function copyOut(ui: Ui, key: string, name: string, to: string) {
  const root = ui.state.slots.files.value?.root;
  if (to.trim() === '') return ui.dispatch({ type: 'form-problem', problem: 'where should it be copied to?' });
  ui.dispatch({ type: 'form', form: null });
  if (root === undefined) return;
  const wish = {
    action: 'copy',
    subject: name,
    call: 'copyOut',
    request: { root, key, to: atHome(to) },
    describe: describeCopy,
  } as const;
  void ui.run(wish).then(() => closeWhenLeft(ui));
}

/** Asks in how many points the file is looked at. */
export function askVersions(ui: Ui): void {
  const { state } = ui;
  const entry = visibleFiles(state)[state.cursors.files ?? 0];
  if (entry === undefined) return;
  const count = pointsFrom(ui).length;
  const some = [5, 20].filter((few) => few < count);
  ui.dispatch({
    type: 'form',
    form: newForm({
      title: `Compare ${entry.name} across points`,
      text: ['Of this point and those before it, each is attached for a moment, and the file is read.'],
      fields: [
        choiceField('count', 'Points', [
          ...some.map((few) => ({ value: String(few), label: `${few} of ${count}` })),
          { value: String(count), label: `all ${count}` },
        ]),
      ],
      does: 'compare',
      intent: { do: 'file-versions', key: entry.key, name: entry.name },
    }),
  });
}

/** Compares a file in so many points; the job's screen shows what came of it. */
export function compareVersions(ui: Ui, { key, name }: { readonly key: string; readonly name: string }, count: number) {
  const { files, utc } = ui.state;
  if (files === null) return;
  const chosen = pointsFrom(ui).slice(0, count);
  const times = new Map(chosen.map(({ id, time }) => [id, formatMoment(time, utc)]));
  const request = { points: chosen.map(({ id }) => id), partition: files.partition, key };
  void ui.run({
    action: 'compare',
    subject: name,
    call: 'fileVersions',
    request,
    describe: (result) => describeVersions(result, times, utc),
  });
  ui.dispatch({ type: 'job-opened', id: ui.lastJob });
}

/** The point whose files are open, and those of its disk before it, newest first. */
function pointsFrom({ state }: Ui): readonly ListedPoint[] {
  const open = pointOf(state, state.files?.point ?? null);
  if (open === null) return [];
  const ofDisk = (state.slots.points.value ?? []).filter(
    ({ machine, disk }) => machine === open.machine && disk === open.disk,
  );
  return ofDisk.slice(ofDisk.indexOf(open));
}
