/** A form that says what it waits for before it can ask: Esc leaves it at any time. */
import { type Form, newForm } from '../state/form.ts';
import type { Intent } from '../state/intent.ts';
import type { Ui } from './ui.ts';

interface Wait {
  readonly title: string;
  readonly text?: readonly string[];
  /** What is being done. */
  readonly doing: string;
  readonly intent: Intent;
  /** Where it leads back to when it fails. */
  readonly back?: Form | null;
}

/** What the work gives; null when somebody left the form, or when it failed, which is said. */
export async function waitFor<Outcome>(
  ui: Ui,
  { title, text = [], doing, intent, back = null }: Wait,
  work: Promise<Outcome>,
): Promise<Outcome | null> {
  const form = newForm({ title, text, fields: [], does: 'next', intent, back });
  ui.dispatch({ type: 'form', form: { ...form, busy: doing } });
  const waiting = ui.state.form;
  const outcome = await ui.attempt(title, work);
  if (ui.state.form !== waiting) return null; // Esc
  if (outcome === null) ui.dispatch({ type: 'form', form: back });
  return outcome;
}

interface Worked<Outcome> {
  /** Null when it failed, which the form says. */
  readonly outcome: Outcome | null;
  /** Somebody left the form before it was done. */
  readonly isLeft: boolean;
}

/** Does what the open form asks for, while it stays where it is. */
export async function workIn<Outcome>(ui: Ui, doing: string, work: Promise<Outcome>): Promise<Worked<Outcome>> {
  ui.dispatch({ type: 'form-busy', doing });
  const waiting = ui.state.form;
  try {
    const outcome = await work;
    return { outcome, isLeft: ui.state.form !== waiting };
  } catch (error) {
    const { message, hint } = ui.failureOf(error);
    const problem = hint === '' ? message : `${message}; ${hint}`;
    const isLeft = ui.state.form !== waiting;
    if (isLeft) ui.notice(message, 'error');
    else ui.dispatch({ type: 'form-problem', problem });
    return { outcome: null, isLeft };
  }
}
