/** Mounts, drives and exports of this machine; who uses the chosen one, once that was asked. */
import type { MountedThing } from '../../jobs/mounts.ts';
import { nothing } from '../state/loaded.ts';
import { chosenMount, pointOf } from '../state/selectors.ts';
import type { State } from '../state/state.ts';
import { formatAge, formatMoment } from '../view/format.ts';
import { type Line, line, span } from '../view/line.ts';
import { fact, type Look, paragraph } from '../view/look.ts';
import { type Column, listLines } from '../view/table.ts';
import { waiting } from './waiting.ts';

export function mounts(state: State, look: Look): Line[] {
  const rows = state.slots.mounts.value ?? [];
  const empty = 'Nothing is mounted. m mounts all points as files; Enter on a partition of a point looks inside it.';
  const instead = waiting(state.slots.mounts, rows.length, state, look, { what: 'mounts', empty });
  if (instead !== null) return instead;
  const below = aboutChosen(state, look).slice(0, Math.max(0, look.height - 4));
  const list = listLines(
    { columns: columnsOf(state), rows, cursor: state.cursors.mounts ?? 0 },
    { ...look, height: look.height - below.length - 1 },
  );
  return [...list, [span(look.glyphs.rule.repeat(look.width), 'muted')], ...below];
}

function columnsOf({ now }: State): readonly Column<MountedThing>[] {
  return [
    { title: 'KIND', width: 5, of: ({ kind }) => kind },
    {
      title: 'STATE',
      width: 8,
      of: ({ state }) => state,
      role: ({ state }) => (state === 'leftover' ? 'error' : 'ok'),
    },
    { title: 'SINCE', width: 7, of: ({ since }) => formatAge(since, now) },
    { title: 'SHOWS', width: 10, of: ({ point }) => point?.slice(0, 8) ?? 'all points' },
    { title: 'WHERE', width: 'rest', of: whereOf },
  ];
}

function whereOf({ directories, devices, uri }: MountedThing): string {
  return uri ?? [...directories, ...devices].join(' ');
}

function aboutChosen(state: State, look: Look): Line[] {
  const thing = chosenMount(state);
  if (thing === null) return [];
  const { value, since, failure } = state.keyed.holders[thing.id] ?? nothing;
  const point = pointOf(state, thing.point);
  const lines = [
    fact('where', whereOf(thing)),
    fact(
      'shows',
      point === null
        ? (thing.point ?? 'all points')
        : `${point.machine}/${point.disk} of ${formatMoment(point.time, state.utc)}`,
    ),
    fact('id', `${thing.id}${thing.pid === null ? '' : `, served by process ${thing.pid}`}`),
    fact('repository', thing.repository),
    ...(thing.overlay === null ? [] : [fact('overlay', thing.overlay)]),
    ...(thing.state === 'leftover' ? paragraph('A dead process left it. D clears it up.', look, 'error') : []),
  ];
  if (failure !== null) return [...lines, ...paragraph(failure.message, look, 'error')];
  if (value === null) return since === null ? lines : [...lines, line(' looking who uses it …', 'muted')];
  if (value.length === 0) return [...lines, line(' nobody uses it', 'ok')];
  return [
    ...lines,
    ...value.flatMap(({ pid, command, what }) =>
      paragraph(`${command}${pid === null ? '' : ` (${pid})`} ${what}`, look, 'warn'),
    ),
  ];
}
