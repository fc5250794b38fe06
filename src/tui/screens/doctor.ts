/** What this machine can do, and how to get what is missing. */
import type { Ability } from '../../jobs/doctor.ts';
import type { State } from '../state/state.ts';
import { type Line, span } from '../view/line.ts';
import { aboveWhole, type Look } from '../view/look.ts';
import { type Column, listLines } from '../view/table.ts';
import { waiting } from './waiting.ts';

const columns: readonly Column<Ability>[] = [
  { title: 'WHAT', width: 26, of: ({ name }) => name },
  {
    title: 'THERE',
    width: 7,
    of: ({ found }) => (found ? 'yes' : 'missing'),
    role: ({ found }) => (found ? 'ok' : 'warn'),
  },
  {
    title: 'HOW TO GET IT',
    width: 'rest',
    of: howTo,
  },
];

export function doctor(state: State, look: Look): Line[] {
  const { value } = state.slots.doctor;
  const title: Line = [span(' This machine', 'title')];
  const rows = value?.machine ?? [];
  const instead = waiting(state.slots.doctor, rows.length, state, look, {
    what: 'what this machine can do',
    empty: '',
  });
  if (instead !== null) return [title, ...instead];
  const cursor = state.cursors.doctor ?? 0;
  const chosen = rows[cursor];
  const whole = chosen === undefined ? '' : `${chosen.name}: ${howTo(chosen)}`;
  const list = aboveWhole(whole, 'text', { ...look, height: look.height - 2 }, (room) =>
    listLines({ columns, rows, cursor }, room),
  );
  const dead = value?.remains?.deadRuns.length ?? 0;
  const text =
    dead === 0
      ? ' no killed run left anything in the repository'
      : ` ${dead} killed runs left something; strata doctor --fix removes it`;
  return [title, [span(text, dead === 0 ? 'ok' : 'warn')], ...list];
}

function howTo({ detail, remedy }: Ability): string {
  return remedy === '' ? detail : `${detail}: ${remedy}`;
}
