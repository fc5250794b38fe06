/** What happens when a form is taken. */

import { valuesOf, whyNot } from '../state/form.ts';
import type { Checked, Deed } from '../state/intent.ts';
import { formatMoment } from '../view/format.ts';
import { consolidate, plan } from './consolidation.ts';
import { compareVersions, copyOut, search } from './files.ts';
import { describeBackup, describeCollection, describeRepair, describeSynthesis } from './outcomes.ts';
import { askAboutKey, removeKey, setPassphrase } from './passphrases.ts';
import { verify } from './perform.ts';
import { askHow, askToConfirm, askWhere, chosenPart, restore } from './restore-wizard.ts';
import { addJob } from './saved-job.ts';
import { serve } from './serve.ts';
import type { Ui } from './ui.ts';

type Values = Readonly<Record<string, string>>;

/** Takes the form that is open, unless something in it is not as it must be. */
export function submit(ui: Ui) {
  const { form } = ui.state;
  if (form === null || form.busy !== null) return;
  const problem = whyNot(form);
  if (problem !== null) return ui.dispatch({ type: 'form-problem', problem });
  const { intent } = form;
  const values = valuesOf(form);
  switch (intent.do) {
    case 'restore-what': {
      const label = intent.labels[values.partition ?? ''] ?? '';
      return askWhere(ui, form, chosenPart(ui, intent.draft, values.partition ?? '', label));
    }
    case 'restore-where':
      return void askHow(ui, form, { ...intent.draft, to: values.to ?? '' });
    case 'restore-how':
      return void askToConfirm(ui, form, intent, values);
    case 'plan':
      return plan(ui, intent.disk, values);
    case 'copy-out':
      return copyOut(ui, intent.key, intent.name, values.to ?? '');
    case 'search':
      return search(ui, values.text ?? '');
    case 'open':
      return open(ui, values.location ?? '');
    case 'backup':
      return backup(ui, values);
    case 'serve':
      return serve(ui, intent.point, values);
    case 'add-job':
      return void addJob(ui, values);
    case 'keys':
      return askAboutKey(ui, form, values);
    case 'new-passphrase':
      return setPassphrase(ui, intent.changes, values);
    case 'mount':
      return void mount(ui, intent, values);
    default:
      ui.dispatch({ type: 'form', form: null });
      void act(ui, intent, values);
  }
}

/** Esc: back to the form before, or away. */
export function leaveForm(ui: Ui): void {
  const { form } = ui.state;
  if (form === null) return;
  if (form.intent.do === 'passphrase') ui.answer(null);
  ui.dispatch({ type: 'form', form: form.back });
}

async function act(ui: Ui, intent: Deed, values: Values): Promise<void> {
  switch (intent.do) {
    case 'passphrase':
      return ui.answer(values.passphrase ?? '');
    case 'quit':
      return ui.quit();
    case 'restore':
      return restore(ui, intent.request, intent.what, intent.check);
    case 'consolidate':
      return consolidate(ui, intent.request, intent.what);
    case 'verify-all':
      return verify(ui, 'all points', { points: [], all: true });
    case 'cancel':
      return ui.cancel(intent.job);
    case 'force-unmount':
      return forceUnmount(ui, intent);
    case 'forget':
      return forget(ui, intent);
    case 'undelete': {
      const result = await ui.attempt('bring back', ui.call('undelete', { point: intent.point }).result);
      if (result !== null)
        ui.tell(`${result.machine}/${result.disk} of ${formatMoment(result.pointTime, ui.state.utc)} is back`, 'ok');
      return readAgain(ui);
    }
    case 'synthesize': {
      const { machine, disk, id } = intent.point;
      const mode = values.mode === 'copy' ? 'copy' : 'reference';
      const request = { machine, disk, at: id, mode, requireClone: false, dryRun: false } as const;
      await ui.run({
        action: 'synthesize',
        subject: `${machine}/${disk}`,
        call: 'synthesize',
        request,
        describe: describeSynthesis,
      });
      return readAgain(ui);
    }
    case 'remove-key':
      return removeKey(ui, intent.id);
    case 'file-versions':
      return compareVersions(ui, intent, Number(values.count));
    case 'repair': {
      const request = { dryRun: values.write !== 'yes', quick: values.read === 'known', drop: false };
      await ui.run({ action: 'repair', subject: 'repository', call: 'repair', request, describe: describeRepair });
      return readAgain(ui);
    }
    case 'collect': {
      const request = { grace: 86_400_000, maxUnused: null, dryRun: false };
      await ui.run({ action: 'collect', subject: 'garbage', call: 'collect', request, describe: describeCollection });
      return readAgain(ui);
    }
  }
}

function open(ui: Ui, location: string) {
  if (location.trim() === '') return ui.dispatch({ type: 'form-problem', problem: 'where is it?' });
  const { place } = ui.state;
  const storage = place?.storage ?? {
    endpoint: null,
    pathStyle: false,
    plainHttp: false,
    uploadLimit: null,
    downloadLimit: null,
  };
  ui.dispatch({ type: 'form', form: null });
  for (const slot of ['points', 'contents', 'runs', 'diff', 'plan'] as const) ui.dispatch({ type: 'emptied', slot });
  ui.dispatch({ type: 'disk', disk: null });
  ui.dispatch({ type: 'go', screen: 'machines', from: 'tab' });
  void ui.open({ location: location.trim(), storage, passphraseGiven: place?.passphraseGiven ?? false });
}

function backup(ui: Ui, { source = '', machine = '', disk = '' }: Values) {
  if (source.trim() === '') return ui.dispatch({ type: 'form-problem', problem: 'what should be backed up?' });
  if (source.trim() === '-')
    return ui.dispatch({ type: 'form-problem', problem: 'standard input is for strata backup -' });
  ui.dispatch({ type: 'form', form: null });
  const request = { source: source.trim(), machine: machine.trim() || undefined, disk: disk.trim() || undefined };
  const subject = machine.trim() === '' ? source.trim() : `${machine.trim()}/${disk.trim() || source.trim()}`;
  void ui
    .run({ action: 'backup', subject, call: 'backup', request, describe: describeBackup })
    .then((result) => (result === null ? undefined : readAgain(ui)));
}

async function mount(ui: Ui, { show }: Extract<Checked, { do: 'mount' }>, { directory = '' }: Values): Promise<void> {
  if (directory.trim() === '') return ui.dispatch({ type: 'form-problem', problem: 'which folder?' });
  ui.dispatch({ type: 'form-busy', doing: 'starting what serves it, and waiting until it can be read …' });
  const waiting = ui.state.form;
  const result = await ui.attempt('mount', ui.call('mount', { directory: directory.trim() }).result);
  if (result === null && ui.state.form !== waiting) return;
  if (result === null)
    return ui.dispatch({ type: 'form-problem', problem: ui.state.notice?.text ?? 'it could not be mounted' });
  if (ui.state.form === waiting) ui.dispatch({ type: 'form', form: null });
  const inside = show === null ? '' : `/${show.machine}/${show.disk}`;
  ui.tell(`mounted: ${result.directory}${inside}`, 'ok');
  ui.load('mounts', 'mounts', {});
}

async function forceUnmount(ui: Ui, { directory, drive }: Extract<Deed, { do: 'force-unmount' }>): Promise<void> {
  const result =
    drive !== null
      ? await ui.attempt('detach', ui.call('detach', { id: drive, force: true }).result)
      : await ui.attempt('unmount', ui.call('umount', { directory: directory ?? '', force: true }).result);
  if (result !== null) ui.tell(`${directory ?? drive} is not mounted any more`, 'ok');
  ui.load('mounts', 'mounts', {});
}

async function forget(ui: Ui, { point }: Extract<Deed, { do: 'forget' }>): Promise<void> {
  const result = await ui.attempt('forget', ui.call('forget', { points: [point.id], dryRun: false }).result);
  if (result === null) return;
  ui.tell(
    `${point.machine}/${point.disk} of ${formatMoment(point.time, ui.state.utc)} is forgotten; 7 brings it back`,
    'ok',
  );
  readAgain(ui);
}

function readAgain(ui: Ui): void {
  ui.loadPoints();
  ui.contentsChanged();
}
