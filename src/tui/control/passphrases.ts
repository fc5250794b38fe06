/** The passphrases of the repository: one more, another in place of the one that opened it, one less. */
import { choiceField, type Form, newForm, secretField, textField, wordField } from '../state/form.ts';
import type { Ui } from './ui.ts';

type Values = Readonly<Record<string, string>>;

/** Asks what is to be done. */
export function askKeys(ui: Ui): void {
  const keys = ui.state.slots.contents.value?.keys ?? [];
  const others = keys.filter(({ current }) => !current);
  ui.dispatch({
    type: 'form',
    form: newForm({
      title: 'Passphrases',
      text: ['Any one of them opens the repository. Changing them rewrites nothing that is stored.'],
      fields: [
        choiceField('what', 'What', [
          { value: 'add', label: 'add one' },
          { value: 'change', label: 'change the one that opened it' },
          ...others.map(({ id, label }) => ({ value: id, label: `remove ${id.slice(0, 8)} ${label}`.trim() })),
        ]),
      ],
      does: 'go on',
      intent: { do: 'keys' },
    }),
  });
}

/** Asks for what the choice needs. */
export function askAboutKey(ui: Ui, before: Form, { what = '' }: Values) {
  const changes = what === 'change';
  if (!changes && what !== 'add') return askRemoval(ui, before, what);
  ui.dispatch({
    type: 'form',
    form: newForm({
      title: changes ? 'Change the passphrase' : 'Add a passphrase',
      text: [
        changes
          ? 'The old one opens nothing any more. Files and variables that hold it, for jobs and for this program, must be changed, too.'
          : 'The others go on opening the repository.',
      ],
      fields: [
        secretField('passphrase', 'New passphrase'),
        secretField('again', 'The same again'),
        ...(changes ? [] : [textField('label', 'Name', '', 'of whom or where')]),
      ],
      does: changes ? 'change it' : 'add it',
      intent: { do: 'new-passphrase', changes },
      back: before,
    }),
  });
}

function askRemoval(ui: Ui, before: Form, id: string): void {
  const short = id.slice(0, 8);
  ui.dispatch({
    type: 'form',
    form: newForm({
      title: 'Remove a passphrase',
      text: [
        {
          text: `Whoever has no other one than that of key ${short} cannot open the repository any more.`,
          role: 'warn',
        },
      ],
      fields: [wordField(short)],
      does: 'remove it',
      intent: { do: 'remove-key', id },
      back: before,
    }),
  });
}

/** Takes a new passphrase, when it was entered twice alike. */
export function setPassphrase(ui: Ui, changes: boolean, { passphrase = '', again = '', label = '' }: Values) {
  if (passphrase === '') return ui.dispatch({ type: 'form-problem', problem: 'a passphrase cannot be empty' });
  if (passphrase !== again) return ui.dispatch({ type: 'form-problem', problem: 'the two are not the same' });
  ui.dispatch({ type: 'form', form: null });
  const done = changes
    ? ui.call('changePassphrase', { passphrase }).result
    : ui.call('addKey', { passphrase, label }).result;
  void finish(ui, done, changes ? 'the passphrase is changed' : 'the passphrase is added');
}

export function removeKey(ui: Ui, id: string): Promise<void> {
  return finish(ui, ui.call('removeKey', { id }).result, `key ${id.slice(0, 8)} is removed`);
}

async function finish(ui: Ui, result: Promise<unknown>, told: string): Promise<void> {
  if ((await ui.attempt('passphrases', result)) === null) return;
  ui.tell(told, 'ok');
  ui.contentsChanged();
}
