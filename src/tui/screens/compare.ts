/** Where two points differ: over the whole disk, and range by range. */

import { formatSize } from '../../cli/units.ts';
import type { State } from '../state/state.ts';
import { formatMoment } from '../view/format.ts';
import { type Line, line, span } from '../view/line.ts';
import { fact, type Look, paragraph } from '../view/look.ts';
import { type Column, listLines } from '../view/table.ts';
import { differenceCells } from './block-map.ts';
import { waiting } from './waiting.ts';

type Extent = readonly [offset: number, length: number];

export function compare(state: State, look: Look): Line[] {
  const { compared, slots } = state;
  if (compared === null) {
    return [
      line(''),
      ...paragraph('Nothing is compared. On 2 Points: space marks one point, c compares another one with it.', look),
    ];
  }
  const [a, b] = compared;
  const nameOf = (point: typeof a) =>
    `${point.machine}/${point.disk}  ${formatMoment(point.time, state.utc)}  ${point.id.slice(0, 8)}`;
  const head: Line[] = [fact('older', nameOf(a)), fact('newer', nameOf(b))];
  const extents = slots.diff.value?.extents ?? [];
  const instead = waiting(slots.diff, extents.length, state, look, {
    what: 'both maps',
    empty: 'They are equal, block for block.',
  });
  if (instead !== null) return [...head, ...instead];
  const size = Math.max(a.size, b.size);
  const changed = slots.diff.value?.changedBytes ?? 0;
  const cursor = state.cursors.compare ?? 0;
  const share = ((changed * 100) / size).toFixed(1);
  const facts: Line[] = [
    ...head,
    fact('changed', `${formatSize(changed)} in ${extents.length} ranges, ${share}% of ${formatSize(size)}`),
    ...bars(extents, size, extents[cursor], look),
  ];
  return [
    ...facts,
    ...listLines({ columns: columnsOf(size), rows: extents, cursor }, { ...look, height: look.height - facts.length }),
  ];
}

/** One cell is so much of the disk; below it a sign shows where the chosen range lies. */
function bars(extents: readonly Extent[], size: number, chosen: Extent | undefined, { width, glyphs }: Look): Line[] {
  const count = width - 2;
  const cells = differenceCells(extents, size, count);
  const at = chosen === undefined ? -1 : Math.min(count - 1, Math.floor((chosen[0] * count) / size));
  const [full, , , , empty] = glyphs.ages;
  return [
    [
      span(` ${formatSize(size / count)} a cell: `, 'muted'),
      span(full, 'accent'),
      span(' differs  ', 'muted'),
      span(`${empty} equal`, 'muted'),
    ],
    [span(' '), ...cells.map((differs) => span(differs ? full : empty, differs ? 'accent' : 'muted'))],
    line(at < 0 ? '' : `${' '.repeat(at + 1)}^`, 'title'),
  ];
}

function columnsOf(size: number): readonly Column<Extent>[] {
  return [
    { title: 'OFFSET', width: 18, align: 'right', of: ([offset]) => String(offset) },
    { title: 'LENGTH', width: 14, align: 'right', of: ([, length]) => String(length) },
    { title: 'THAT IS', width: 11, align: 'right', of: ([, length]) => formatSize(length) },
    { title: 'AT', width: 6, align: 'right', of: ([offset]) => `${((offset * 100) / size).toFixed(1)}%` },
  ];
}
