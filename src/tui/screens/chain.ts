/** What stands on what: the points of a disk as a tree, and where on the disk the blocks of the chosen one come from. */

import { formatSize } from '../../cli/units.ts';
import type { ListedPoint } from '../../jobs/points.ts';
import { nothing } from '../state/loaded.ts';
import { remember } from '../state/remember.ts';
import { chosenPoint, diskPoints, stateOf } from '../state/selectors.ts';
import type { State } from '../state/state.ts';
import { counted, formatMoment } from '../view/format.ts';
import { chosen, type Line, line, type Role, span } from '../view/line.ts';
import { type Look, paragraph } from '../view/look.ts';
import { windowOf } from '../view/table.ts';
import { pad } from '../view/text.ts';
import { ageLegend, ageMap } from './block-map.ts';
import { stateRole } from './point-text.ts';
import { waiting } from './waiting.ts';

export function chain(state: State, look: Look): Line[] {
  const rows = diskPoints(state);
  const empty = 'There are no restore points of this disk. b backs up now.';
  const instead = waiting(state.slots.points, rows.length, state, look, { what: 'restore points', empty });
  if (instead !== null) return instead;
  const maps = look.height >= 16 ? 3 : 1;
  const below = mapOf(state, look, maps);
  const tree = treeOf(state, { ...look, height: look.height - below.length - 2 }, rows);
  const padding = Array.from({ length: Math.max(0, look.height - tree.length - below.length - 1) }, (): Line => []);
  return [title(state, rows), ...tree, ...padding, ...below];
}

function title({ disk }: State, rows: readonly ListedPoint[]): Line {
  const fulls = rows.filter(({ parent }) => parent === null).length;
  const name = disk === null ? 'all disks' : `${disk.machine}/${disk.disk}`;
  return [
    span(` Chain of ${name}`, 'title'),
    span(`   ${counted(rows.length, 'point')} in ${counted(fulls, 'chain')}`, 'muted'),
  ];
}

function treeOf(state: State, look: Look, rows: readonly ListedPoint[]): Line[] {
  const { width, height, glyphs } = look;
  const cursor = state.cursors.chain ?? 0;
  const point = rows[cursor];
  const needed = point === undefined ? new Set<string>() : below(rows, point);
  const { top, end } = windowOf(rows.length, cursor, height);
  const lines: Line[] = [];
  for (let index = top; index < end; index++) {
    const row = rows[index] as ListedPoint;
    const spans = treeRow(row, state, look, needed.has(row.id));
    lines.push(index === cursor ? chosen([span(` ${glyphs.cursor}`), ...spans.slice(1)], width, glyphs.cut) : spans);
  }
  if (end - top < rows.length)
    lines.push(line(pad(`${top + 1}-${end} of ${rows.length}`, width - 1, 'right'), 'muted'));
  return lines;
}

/** `isNeeded`: whether the chosen point stands on it. */
function treeRow(point: ListedPoint, state: State, { glyphs }: Look, isNeeded: boolean): Line {
  const kind = { full: 'full ', synthetic: 'synth', incremental: 'inc  ' }[point.kind];
  const branch = point.parent === null ? '  ' : glyphs.branch[0];
  const marked = point.id === state.marked ? glyphs.marked : ' ';
  const role: Role = isNeeded ? 'accent' : 'text';
  const flags = [point.protected && 'protected', isNeeded && 'needed'].filter(Boolean).join('  ');
  return [
    span('  '),
    span(`${marked}${branch}${kind} ${formatMoment(point.time, state.utc)} `, role),
    span(pad(formatSize(point.bytesStored), 10, 'right'), role),
    span('  '),
    span(pad(stateOf(point, state.damaged), 10), stateRole(point, state)),
    span(` ${flags}`, 'muted'),
  ];
}

/** Ids of the points that one stands on. */
const below = remember((points: readonly ListedPoint[], point: ListedPoint): ReadonlySet<string> => {
  const parents = new Map(points.map(({ id, parent }) => [id, parent]));
  const found = new Set<string>();
  for (let { parent } = point; parent !== null && !found.has(parent); parent = parents.get(parent) ?? null)
    found.add(parent);
  return found;
});

function mapOf(state: State, look: Look, rows: number): Line[] {
  const point = chosenPoint(state);
  if (point === null) return [];
  const loaded = state.keyed.maps[point.id] ?? nothing;
  const rule = line(look.glyphs.rule.repeat(look.width), 'muted');
  if (loaded.value === null) {
    const why = loaded.failure === null ? 'reading where its blocks come from …' : loaded.failure.message;
    const [first = []] = paragraph(why, look, loaded.failure === null ? 'muted' : 'error');
    return [rule, first, ...Array.from({ length: rows }, (): Line => [])];
  }
  const cells = ageMap(loaded.value, look.width - 2, rows, look.glyphs);
  return [rule, ageLegend(look.glyphs), ...cells.map((spans): Line => [span(' '), ...spans])];
}
