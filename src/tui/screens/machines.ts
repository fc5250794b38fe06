/** The first screen: every disk, how old its newest point is, and how it fares. */

import { formatSize } from '../../cli/units.ts';
import type { DiskRow } from '../state/disks.ts';
import { visibleDisks } from '../state/selectors.ts';
import type { State } from '../state/state.ts';
import { formatAge } from '../view/format.ts';
import { sparkline } from '../view/glyphs.ts';
import type { Line, Role } from '../view/line.ts';
import type { Look } from '../view/look.ts';
import { type Column, listLines } from '../view/table.ts';
import { waiting } from './waiting.ts';

/** Days without a point, after which a disk is told apart. */
const old = 2;

export function machines(state: State, look: Look): Line[] {
  const rows = visibleDisks(state);
  const empty = 'There are no restore points yet. b backs up a disk now.';
  const instead = waiting(state.slots.points, rows.length, state, look, { what: 'restore points', empty });
  if (instead !== null) return instead;
  return listLines({ columns: columnsOf(state, look), rows, cursor: state.cursors.machines ?? 0 }, look);
}

function columnsOf({ now }: State, { glyphs }: Look): readonly Column<DiskRow>[] {
  return [
    { title: 'MACHINE', width: 'rest', of: ({ machine }) => machine },
    { title: 'DISK', width: 10, of: ({ disk }) => disk },
    { title: 'NEWEST', width: 7, of: ({ newest }) => formatAge(newest.time, now), role: (row) => ageRole(row, now) },
    { title: 'POINTS', width: 6, align: 'right', of: ({ points }) => String(points) },
    { title: 'SIZE', width: 9, align: 'right', from: 70, of: ({ newest }) => formatSize(newest.size) },
    { title: 'STORED', width: 9, align: 'right', from: 100, of: ({ bytesStored }) => formatSize(bytesStored) },
    { title: 'CHAIN', width: 5, align: 'right', from: 76, of: ({ chainLength }) => String(chainLength) },
    { title: 'HEALTH', width: 14, of: (row) => healthOf(row, now), role: (row) => healthRole(row, now) },
    { title: 'CHANGED', width: 24, from: 110, of: ({ recent }) => sparkline(glyphs, recent), role: () => 'accent' },
  ];
}

function isOld({ newest }: DiskRow, now: number): boolean {
  return now - Date.parse(newest.time) > old * 86_400_000;
}

function ageRole(row: DiskRow, now: number): Role {
  return isOld(row, now) ? 'warn' : 'text';
}

function healthOf(row: DiskRow, now: number): string {
  if (row.damaged > 0) return `${row.damaged} damaged`;
  if (isOld(row, now)) return 'not recent';
  return row.verified === null ? 'not verified' : `checked ${formatAge(row.verified, now)}`;
}

function healthRole(row: DiskRow, now: number): Role {
  if (row.damaged > 0) return 'error';
  if (isOld(row, now)) return 'warn';
  return row.verified === null ? 'muted' : 'ok';
}
