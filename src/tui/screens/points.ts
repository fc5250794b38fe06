/** The restore points of a disk, one a line; beside them, where there is room, the one that is chosen. */

import { formatSize } from '../../cli/units.ts';
import type { ListedPoint } from '../../jobs/points.ts';
import { chosenPoint, diskPoints, mountOf, stateOf, visiblePoints } from '../state/selectors.ts';
import type { State } from '../state/state.ts';
import { formatMoment } from '../view/format.ts';
import { fitLine, type Line, span } from '../view/line.ts';
import type { Look } from '../view/look.ts';
import { type Column, listLines } from '../view/table.ts';
import { calendar } from './calendar.ts';
import { pointFacts } from './point.ts';
import { flagsOf, groupText, shortKind, stateRole, typeText } from './point-text.ts';
import { waiting } from './waiting.ts';

/** From so many columns on there is a panel, and so wide is it. */
const panelFrom = 100;
const panel = 42;
/** From so many rows on there are two lines about the chosen point when there is no panel. */
const summaryFrom = 10;

export function points(state: State, look: Look): Line[] {
  const rows = visiblePoints(state);
  const name = state.disk === null ? '' : ` of ${state.disk.machine}/${state.disk.disk}`;
  const empty = `There are no restore points${name}. b backs up now.`;
  const instead = waiting(state.slots.points, rows.length, state, look, { what: 'restore points', empty });
  if (instead !== null) return instead;
  return look.width >= panelFrom ? withPanel(state, look, rows) : withSummary(state, look, rows);
}

function withPanel(state: State, look: Look, rows: readonly ListedPoint[]): Line[] {
  const { width, height, glyphs } = look;
  const left = width - panel - 2;
  const list = pointList(state, { ...look, width: left }, rows);
  const inner = { ...look, width: panel };
  const point = chosenPoint(state);
  const about =
    point === null ? [] : [...pointFacts(point, state, inner), [], ...calendar(diskPoints(state), point, state, inner)];
  return Array.from({ length: height }, (_, row) => [
    ...fitLine(list[row] ?? [], left, glyphs.cut),
    span(` ${glyphs.side}`, 'muted'),
    ...(about[row] ?? []),
  ]);
}

function withSummary(state: State, look: Look, rows: readonly ListedPoint[]): Line[] {
  const point = chosenPoint(state);
  if (look.height < summaryFrom || point === null) return pointList(state, look, rows);
  const list = pointList(state, { ...look, height: look.height - 3 }, rows);
  const padding = Array.from({ length: Math.max(0, look.height - 3 - list.length) }, (): Line => []);
  const mounted = mountOf(point, state);
  const group = groupText(point, state);
  const verified = point.verified === null ? 'never verified' : `verified ${formatMoment(point.verified, state.utc)}`;
  return [
    ...list,
    ...padding,
    [span(look.glyphs.rule.repeat(look.width), 'muted')],
    [
      span(` ${point.machine}/${point.disk}  `, 'title'),
      span(`id ${point.id.slice(0, 8)}  chain of ${point.chainLength}  ${typeText(point)}`),
    ],
    [
      span(
        ` ${group === null ? verified : `group ${group}`}${mounted === null ? '' : `  mounted at ${mounted.directories[0] ?? mounted.devices[0] ?? ''}`}${point.note === '' ? '' : `  ${point.note}`}`,
        'muted',
      ),
    ],
  ];
}

function pointList(state: State, look: Look, rows: readonly ListedPoint[]): Line[] {
  const together = chosenPoint(state)?.group?.id;
  const sign = ({ id, group }: ListedPoint) =>
    id === state.marked
      ? look.glyphs.marked
      : together !== undefined && group?.id === together
        ? look.glyphs.together
        : ' ';
  return listLines({ columns: columnsOf(state), rows, cursor: state.cursors.points ?? 0, sign }, look);
}

function columnsOf(state: State): readonly Column<ListedPoint>[] {
  const { utc, disk, damaged } = state;
  return [
    ...(disk === null
      ? [{ title: 'DISK', width: 14, of: (point: ListedPoint) => `${point.machine}/${point.disk}` } as const]
      : []),
    { title: 'TIME', width: 16, of: ({ time }) => formatMoment(time, utc) },
    { title: 'KIND', width: 5, of: ({ kind }) => shortKind(kind) },
    { title: 'SIZE', width: 9, align: 'right', from: 72, of: ({ size }) => formatSize(size) },
    {
      title: 'NEW',
      width: 9,
      align: 'right',
      from: disk === null ? 72 : 0,
      of: ({ bytesStored }) => formatSize(bytesStored),
    },
    { title: 'STATE', width: 10, of: (point) => stateOf(point, damaged), role: (point) => stateRole(point, state) },
    { title: 'FLAGS', width: 'rest', of: (point) => flagsOf(point, state), role: () => 'accent' },
  ];
}
