/** Mounts, and what takes them away again. */
import type { ListedPoint } from '../../jobs/points.ts';
import { newForm, textField, wordField } from '../state/form.ts';
import type { Checked, Deed } from '../state/intent.ts';
import { chosenMount } from '../state/selectors.ts';
import { atHome } from '../state/words.ts';
import type { Ui } from './ui.ts';
import { workIn } from './waiting-form.ts';

export function askMount(ui: Ui, show: ListedPoint | null): void {
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

export async function mount(
  ui: Ui,
  { show }: Extract<Checked, { do: 'mount' }>,
  { directory = '' }: Readonly<Record<string, string>>,
): Promise<void> {
  const path = atHome(directory);
  if (path === '') return ui.dispatch({ type: 'form-problem', problem: 'which folder?' });
  const work = ui.call('mount', { directory: path }).result;
  const { outcome, isLeft } = await workIn(ui, 'starting what serves it, and waiting until it can be read …', work);
  if (outcome === null) return;
  if (!isLeft) ui.dispatch({ type: 'form', form: null });
  const inside = show === null ? '' : `/${show.machine}/${show.disk}`;
  ui.tell(`mounted: ${outcome.directory}${inside}`, 'ok');
  ui.load('mounts', 'mounts', {});
}

export async function unmount(ui: Ui): Promise<void> {
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

export function askForce(ui: Ui) {
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

export async function forceUnmount(
  ui: Ui,
  { directory, drive }: Extract<Deed, { do: 'force-unmount' }>,
): Promise<void> {
  const result =
    drive !== null
      ? await ui.attempt('detach', ui.call('detach', { id: drive, force: true }).result)
      : await ui.attempt('unmount', ui.call('umount', { directory: directory ?? '', force: true }).result);
  if (result !== null) ui.tell(`${directory ?? drive} is not mounted any more`, 'ok');
  ui.load('mounts', 'mounts', {});
}

export async function clearLeftovers(ui: Ui): Promise<void> {
  const found = await ui.attempt('clearing up', ui.call('clearLeftovers', {}).result);
  const left = found?.mounts.filter(({ cleared }) => !cleared) ?? [];
  if (found !== null)
    ui.tell(left[0] === undefined ? 'what dead processes left is gone' : `still there: ${left[0].trouble}`);
  ui.load('mounts', 'mounts', {});
}

/** Who uses what the cursor is on. */
export function askHolders(ui: Ui): void {
  const thing = chosenMount(ui.state);
  if (thing !== null) ui.loadOf('holders', thing.id, 'holders', { id: thing.id });
}
