/** The repository itself: space, keys, who is at work, when it was last looked after, what can be brought back. */

import { formatSize } from '../../cli/units.ts';
import type { ForgottenPoint, Worker } from '../../jobs/contents.ts';
import { disksOf } from '../state/selectors.ts';
import type { State } from '../state/state.ts';
import { counted, formatAge, formatAgo, formatMoment } from '../view/format.ts';
import { type Line, line, type Role } from '../view/line.ts';
import { fact, type Look } from '../view/look.ts';
import { type Column, listLines } from '../view/table.ts';
import { waiting } from './waiting.ts';

export function repository(state: State, look: Look): Line[] {
  const { value } = state.slots.contents;
  if (value === null) {
    return waiting(state.slots.contents, 0, state, look, { what: 'the repository', empty: '' }) ?? [];
  }
  const { utc, now } = state;
  const { packs, keys, workers, trash, forgotten } = value;
  const waitingBytes = trash.reduce((sum, { bytes }) => sum + bytes, 0);
  const collected = trash
    .map(({ time }) => time)
    .filter((time) => time !== '')
    .sort()
    .at(-1);
  const facts: Line[] = [
    fact('repository', value.location),
    fact('packs', `${packs.count}, ${formatSize(packs.bytes)}`),
    fact(
      'trash',
      trash.length === 0
        ? 'empty'
        : `${formatSize(waitingBytes)} in ${counted(trash.length, 'bag')}, the last of ${formatMoment(collected ?? '', utc)}`,
    ),
    fact('verified', ...verification(state)),
    fact('encryption', value.encryption),
    ...keys.map(({ id, label, created, current }) =>
      fact('key', `${id.slice(0, 8)}  ${formatMoment(created, utc)}  ${label}${current ? '  (opened this)' : ''}`),
    ),
    ...(workers.length === 0
      ? [fact('at work', 'nobody')]
      : workers.map((worker) => fact('at work', workerText(worker, now), worker.dead ? 'error' : 'accent'))),
    fact('id', `${value.id}, blocks of ${formatSize(value.blockSize)}`),
  ];
  const shown = facts.slice(0, Math.max(1, look.height - Math.min(forgotten.length + 2, 5)));
  if (forgotten.length === 0) return [...shown, line(''), line(' No forgotten point can be brought back.', 'muted')];
  const list = { columns: columnsOf(state), rows: forgotten, cursor: state.cursors.repository ?? 0 };
  return [
    ...shown,
    line(' Forgotten, until garbage is collected:', 'muted'),
    ...listLines(list, { ...look, height: look.height - shown.length - 1 }),
  ];
}

/** How much of it was ever verified, and the last time. */
function verification(state: State): readonly [string, Role] {
  const points = state.slots.points.value ?? [];
  const good = points.filter(({ verified }) => verified !== null).length;
  const last = disksOf(state)
    .map(({ verified }) => verified ?? '')
    .sort()
    .at(-1);
  if (state.damaged.size > 0) return [`damaged: ${counted(state.damaged.size, 'point')}`, 'error'];
  if (!last) return ['never: v verifies all points', 'warn'];
  return [`${good} of ${points.length} points, last ${formatAgo(last, state.now)}`, 'ok'];
}

function workerText({ purpose, machine, disk, host, pid, since, dead }: Worker, now: number): string {
  const about = machine === '' ? '' : ` of ${machine}/${disk}`;
  return `${purpose}${about}, process ${pid} on ${host}, for ${formatAge(since, now)}${dead ? '; it is dead' : ''}`;
}

function columnsOf({ utc }: State): readonly Column<ForgottenPoint>[] {
  return [
    { title: 'DISK', width: 'rest', of: ({ machine, disk }) => `${machine}/${disk}` },
    { title: 'TIME', width: 16, of: ({ time }) => formatMoment(time, utc) },
    { title: 'POINT', width: 8, of: ({ id }) => id.slice(0, 8) },
  ];
}
