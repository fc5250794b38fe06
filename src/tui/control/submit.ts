/** What happens when a form is taken. */

import { valuesOf, whyNot } from '../state/form.ts';
import type { Deed } from '../state/intent.ts';
import { atHome } from '../state/words.ts';
import { backup } from './backup.ts';
import { consolidate, plan } from './consolidation.ts';
import { compareVersions, copyOut, search } from './files.ts';
import { forceUnmount, mount } from './mounting.ts';
import { describeCollection } from './outcomes.ts';
import { askAboutKey, removeKey, setPassphrase } from './passphrases.ts';
import { forget, synthesize, undelete, verify } from './points.ts';
import { drop, repair } from './repair.ts';
import { askToConfirm, askWhere, chosenPart, restore, takeWhere } from './restore-wizard.ts';
import { addJob, takeRules, takeSources, takeWhat, takeWhen } from './saved-job.ts';
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
      return void askWhere(ui, form, chosenPart(ui, intent.draft, values.partition ?? '', label));
    }
    case 'restore-where':
      return takeWhere(ui, form, intent, values);
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
      return backup(ui, intent, values);
    case 'serve':
      return serve(ui, form, intent, values);
    case 'job-what':
      return void takeWhat(ui, form, values);
    case 'job-sources':
      return takeSources(ui, form, intent, values);
    case 'job-when':
      return void takeWhen(ui, form, intent, values);
    case 'job-keep':
      return void takeRules(ui, form, intent, values);
    case 'add-job':
      return void addJob(ui, intent);
    case 'keys':
      return askAboutKey(ui, form, values);
    case 'new-passphrase':
      return setPassphrase(ui, intent.changes, values);
    case 'mount':
      return void mount(ui, intent, values);
    default:
      // What asks by itself may have come over a form that somebody is filling in.
      ui.dispatch({ type: 'form', form: intent.do === 'drop' ? form.back : null });
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
    case 'undelete':
      return undelete(ui, intent);
    case 'synthesize':
      return synthesize(ui, intent, values);
    case 'remove-key':
      return removeKey(ui, intent.id);
    case 'file-versions':
      return compareVersions(ui, intent, Number(values.count));
    case 'repair':
      return repair(ui, values);
    case 'drop':
      return drop(ui, intent);
    case 'collect': {
      const request = { grace: 86_400_000, maxUnused: null, dryRun: false };
      await ui.run({ action: 'collect', subject: 'garbage', call: 'collect', request, describe: describeCollection });
      return ui.readAgain();
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
  for (const slot of ['points', 'contents', 'saved', 'runs', 'diff', 'plan'] as const)
    ui.dispatch({ type: 'emptied', slot });
  ui.dispatch({ type: 'disk', disk: null });
  ui.dispatch({ type: 'go', screen: 'machines', from: 'tab' });
  void ui.open({ location: atHome(location), storage, passphraseGiven: place?.passphraseGiven ?? false });
}
