/** Saving a job that runs by a schedule. */
import { choiceField, newForm, textField } from '../state/form.ts';
import type { Ui } from './ui.ts';

export function askJob(ui: Ui): void {
  const isEncrypted = ui.state.slots.contents.value?.encryption !== 'none';
  ui.dispatch({
    type: 'form',
    form: newForm({
      title: 'Save a job',
      text: [
        'It runs by `strata job run`, or by its schedule once `strata job install` has told systemd. `strata job add` and `strata setup` ask for rules what to keep, too.',
      ],
      fields: [
        textField('name', 'Name', '', 'a-z, 0-9, -'),
        choiceField('kind', 'Does', [
          { value: 'backup', label: 'back up a disk' },
          { value: 'verify', label: 'verify all points' },
        ]),
        textField('source', 'Source, for a backup', '', '/dev/…'),
        textField('every', 'Every', '24h', '6h, 30m; empty: by hand'),
        ...(isEncrypted ? [textField('passwordFile', 'File with the passphrase', '', '/etc/strata/pass')] : []),
      ],
      does: 'save',
      intent: { do: 'add-job' },
    }),
  });
}

/** Saves it; what is wrong with it is said in the form. */
export async function addJob(ui: Ui, values: Readonly<Record<string, string>>): Promise<void> {
  const given = (name: string) => values[name]?.trim() || undefined;
  const source = given('source');
  const isBackup = values.kind !== 'verify';
  if (isBackup && source === undefined)
    return ui.dispatch({ type: 'form-problem', problem: 'what should be backed up?' });
  const settings = isBackup
    ? ({ kind: 'backup', source: source ?? '', keep: null } as const)
    : ({ kind: 'verify' } as const);
  ui.dispatch({ type: 'form-busy', doing: 'looking whether it can run …' });
  const waiting = ui.state.form;
  const request = { name: given('name') ?? '', every: given('every'), passwordFile: given('passwordFile'), settings };
  const result = await ui.attempt('save a job', ui.call('addJob', request).result);
  if (ui.state.form !== waiting) return;
  if (result === null)
    return ui.dispatch({ type: 'form-problem', problem: ui.state.notice?.text ?? 'it could not be saved' });
  ui.dispatch({ type: 'form', form: null });
  ui.tell(`saved: ${result.path}`, 'ok');
}
