/** Where a key goes: to the form, else to the palette, else to the filter, else to the command of the screen. */
import { type CommandId, commandFor, isEnabled, offered } from '../commands/commands.ts';
import { type Typed, typedBy } from '../commands/input.ts';
import type { FormKey } from '../state/form.ts';
import { closeWhenLeft } from './files.ts';
import { askToQuit, performers } from './perform.ts';
import { leaveForm, submit } from './submit.ts';
import type { Ui } from './ui.ts';

/** Does what a key, or a text that came at once, means now. */
export function press(ui: Ui, typed: Typed) {
  if ('text' in typed) {
    const { form, palette, filtering } = ui.state;
    if (form !== null || palette !== null || filtering) return edit(ui, { key: 'text', text: typed.text });
    // A slow line brings several keys at once.
    for (const key of typed.text) press(ui, { key: key === ' ' ? 'space' : key });
    return;
  }
  const { key } = typed;
  if (key === 'ctrl-c') return askToQuit(ui);
  if (key === 'ctrl-z') return ui.suspend();
  const { form, palette, filtering } = ui.state;
  if (form !== null) return formKey(ui, key);
  if (palette !== null) return paletteKey(ui, key);
  if (filtering) return filterKey(ui, key);
  const id = commandFor(key, ui.state.screen);
  if (id !== null) perform(ui, id);
}

/** Performs a command, or says why it cannot be. */
export function perform(ui: Ui, id: CommandId) {
  const enabled = isEnabled(id, ui.state);
  if (enabled !== true) return ui.notice(enabled, 'warn');
  performers[id](ui);
  closeWhenLeft(ui);
}

function formKey(ui: Ui, key: string) {
  const { form } = ui.state;
  if (form === null) return;
  if (key === 'esc') return leaveForm(ui);
  if (key !== 'enter') return edit(ui, editing(key));
  // Enter goes through the fields, and takes the form at the last one.
  if (form.focus < form.fields.length - 1) ui.dispatch({ type: 'form-key', key: { key: 'next' } });
  else submit(ui);
}

function paletteKey(ui: Ui, key: string) {
  if (key === 'esc') return ui.dispatch({ type: 'palette', open: false });
  if (key !== 'enter') return edit(ui, editing(key));
  const { palette } = ui.state;
  const list = offered(ui.state);
  const [id] = list[Math.min(palette?.cursor ?? 0, list.length - 1)] ?? [];
  ui.dispatch({ type: 'palette', open: false });
  if (id !== undefined) perform(ui, id);
}

function filterKey(ui: Ui, key: string) {
  if (key === 'esc') return ui.dispatch({ type: 'filter', to: 'clear' });
  if (key === 'enter') return ui.dispatch({ type: 'filter', to: 'keep' });
  if (key === 'down' || key === 'up') return ui.dispatch({ type: 'move', move: { by: key === 'down' ? 1 : -1 } });
  edit(ui, editing(key));
}

function edit(ui: Ui, key: FormKey | null): void {
  if (key === null) return;
  const { form, palette } = ui.state;
  if (form !== null) ui.dispatch({ type: 'form-key', key });
  else if (palette !== null) ui.dispatch({ type: 'palette-key', key });
  else ui.dispatch({ type: 'filter-key', key });
}

const editingKeys: Readonly<Record<string, FormKey['key']>> = {
  backspace: 'backspace',
  delete: 'delete',
  left: 'left',
  right: 'right',
  home: 'home',
  end: 'end',
  'ctrl-a': 'home',
  'ctrl-e': 'end',
  'ctrl-u': 'clear',
  down: 'down',
  up: 'up',
  tab: 'next',
  'shift-tab': 'previous',
};

function editing(key: string): FormKey | null {
  const named = editingKeys[key];
  if (named !== undefined) return { key: named } as FormKey;
  const text = typedBy(key);
  return text === '' ? null : { key: 'text', text };
}
