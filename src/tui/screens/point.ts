/** All about one point, with its partitions to look into. */

import { formatDuration, formatSize } from '../../cli/units.ts';
import type { ListedPoint } from '../../jobs/points.ts';
import type { ShownPoint } from '../../jobs/show.ts';
import { nothing } from '../state/loaded.ts';
import { chosenPoint, mountOf, type PartitionRow, partitionsOf, stateOf } from '../state/selectors.ts';
import type { State } from '../state/state.ts';
import { formatAgo, formatMoment } from '../view/format.ts';
import { type Line, line, span } from '../view/line.ts';
import { fact, type Look, paragraph } from '../view/look.ts';
import { type Column, listLines } from '../view/table.ts';
import { groupText, stateRole, typeText } from './point-text.ts';
import { waiting } from './waiting.ts';

const columns: readonly Column<PartitionRow>[] = [
  { title: 'PARTITION', width: 'rest', of: ({ label }) => label },
  { title: 'SIZE', width: 10, align: 'right', of: ({ size }) => size },
  { title: 'HOLDS', width: 14, of: ({ holds }) => holds },
];

export function point(state: State, look: Look): Line[] {
  const chosen = chosenPoint(state);
  if (chosen === null) return paragraph('This point is not there any more. Esc leads back.', look);
  const rows = partitionsOf(state);
  const facts = pointFacts(chosen, state, look);
  const below = Math.min(rows.length + 2, Math.max(4, look.height - facts.length - 1));
  const above = facts.slice(0, Math.max(0, look.height - below - 1));
  return [...above, [], ...inside(state, chosen, rows, { ...look, height: below })];
}

function inside(state: State, chosen: ListedPoint, rows: readonly PartitionRow[], look: Look): Line[] {
  const loaded = state.keyed.details[chosen.id] ?? nothing;
  const layout = loaded.value?.layout;
  const empty =
    layout === null ? 'Its partitions cannot be told: ! says why.' : 'No partitions and no file system that is known.';
  const instead = waiting(loaded, rows.length, state, look, { what: 'partitions', empty });
  return instead ?? listLines({ columns, rows, cursor: state.cursors.point ?? 0 }, look);
}

/** What is known of a point; more once its details came. */
export function pointFacts(chosen: ListedPoint, state: State, look: Look): Line[] {
  const { utc, now, damaged } = state;
  const shown = state.keyed.details[chosen.id]?.value ?? null;
  const verified =
    chosen.verified === null ? 'never' : `${formatMoment(chosen.verified, utc)}, ${formatAgo(chosen.verified, now)}`;
  const mounted = mountOf(chosen, state);
  const group = groupText(chosen, state);
  return [
    [span(` ${chosen.machine}/${chosen.disk}`, 'title'), span(`  ${formatMoment(chosen.time, utc)}`)],
    fact('id', chosen.id),
    fact('kind', `${chosen.kind}, chain of ${chosen.chainLength}`),
    fact('size', `${formatSize(chosen.size)}, ${formatSize(chosen.bytesStored)} new`),
    fact('state', stateOf(chosen, damaged), stateRole(chosen, state)),
    fact('verified', verified),
    fact('protected', chosen.protected ? 'yes' : 'no'),
    ...(group === null ? [] : [fact('group', group)]),
    fact('type', typeText(chosen)),
    ...(mounted === null
      ? []
      : [fact('mounted', mounted.directories[0] ?? mounted.devices[0] ?? 'as a drive', 'accent')]),
    ...(chosen.note === '' ? [] : [fact('note', chosen.note)]),
    ...(shown === null ? [] : detailFacts(shown, look)),
  ];
}

function detailFacts(
  { stats, statistics, source, snapshot, tracker, warnings, unreadable }: ShownPoint,
  look: Look,
): Line[] {
  return [
    fact('source', `${source.path} (${source.kind})`),
    fact('took', `${formatDuration(stats.seconds)}, ${formatSize(stats.bytesRead)} read`),
    fact('snapshot', `${snapshot}, tracker ${tracker}`),
    fact('contents', `${formatSize(statistics.dataBytes)} data in ${statistics.packs} packs`),
    ...unreadable.map(([offset, length]) => line(` unreadable: ${length} bytes at ${offset}`, 'error')),
    ...warnings.flatMap(({ message }) => paragraph(`warning: ${message}`, look, 'warn')),
  ];
}
