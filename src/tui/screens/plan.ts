/** What a consolidation would do, before it does it: what is merged, what stays and why, what goes. */

import { formatSize } from '../../cli/units.ts';
import type { PlannedPoint } from '../../jobs/forget.ts';
import type { State } from '../state/state.ts';
import { counted, formatMoment } from '../view/format.ts';
import { type Line, line, span } from '../view/line.ts';
import { aboveWhole, type Look, paragraph } from '../view/look.ts';
import { type Column, listLines } from '../view/table.ts';
import { waiting } from './waiting.ts';

export function plan(state: State, look: Look): Line[] {
  const { value } = state.slots.plan;
  const title: Line = [span(' Plan of a consolidation', 'title'), span(`   ${policyText(state)}`, 'muted')];
  if (value === null) {
    const instead = waiting(state.slots.plan, 0, state, look, { what: 'what would be done', empty: '' }) ?? [];
    return [title, ...instead];
  }
  const rows = value.disks.flatMap(({ forgetting }) => forgetting?.points ?? []);
  const about = value.disks.flatMap((disk): Line[] => {
    const name = `${disk.machine}/${disk.disk}`;
    if (disk.failure !== null) return paragraph(`${name}: ${disk.failure.message}`, look, 'error');
    const made = disk.synthesis !== null && disk.synthesis.nothingToDo === null;
    const merge = made ? `a synthetic full is made, for ${disk.reason}` : 'no synthetic full is needed';
    const gone = disk.forgetting;
    const forget =
      gone === null
        ? 'nothing is forgotten'
        : `${counted(gone.forgotten.length, 'point')} to go, ${gone.points.length - gone.forgotten.length} to stay, ${formatSize(gone.bytesFreeable)} can be freed`;
    return paragraph(`${name}: ${merge}; ${forget}`, look);
  });
  const head = [title, ...about.slice(0, Math.max(1, Math.floor(look.height / 2)))];
  const warning = paragraph('Nothing was done yet. X does it, after one more question.', look, 'warn');
  const height = look.height - head.length - warning.length;
  if (rows.length === 0) return [...head, ...warning];
  const cursor = state.cursors.plan ?? 0;
  const chosen = rows[cursor];
  const whole = chosen === undefined ? '' : `${chosen.keep ? 'It stays' : 'It goes'}: ${whyOf(chosen)}`;
  const list = aboveWhole(whole, 'muted', { ...look, height }, (room) =>
    listLines({ columns: columnsOf(state, value.disks.length > 1), rows, cursor }, room),
  );
  const padding = Array.from({ length: Math.max(0, height - list.length) }, () => line(''));
  return [...head, ...list, ...padding, ...warning];
}

function columnsOf({ utc }: State, hasDisks: boolean): readonly Column<PlannedPoint>[] {
  const name: Column<PlannedPoint> = { title: 'DISK', width: 14, of: ({ machine, disk }) => `${machine}/${disk}` };
  return [
    ...(hasDisks ? [name] : []),
    { title: 'TIME', width: 16, of: ({ time }) => formatMoment(time, utc) },
    {
      title: 'THEN',
      width: 5,
      of: ({ keep }) => (keep ? 'stays' : 'goes'),
      role: ({ keep }) => (keep ? 'ok' : 'error'),
    },
    {
      title: 'FREES',
      width: 9,
      from: 70,
      align: 'right',
      of: ({ bytesFreeable }) => (bytesFreeable === null ? '' : formatSize(bytesFreeable)),
    },
    { title: 'WHY', width: 'rest', of: whyOf },
  ];
}

function whyOf({ reasons, keep }: PlannedPoint): string {
  return reasons.join(', ') || (keep ? '' : 'no rule keeps it');
}

function policyText({ policy }: State): string {
  if (policy === null) return '';
  const { maxChain, rules, mode } = policy;
  const kept =
    rules === null
      ? []
      : Object.entries(rules).map(
          ([rule, value]) => `${rule.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)} ${value}`,
        );
  return [maxChain === null ? '' : `chains of at most ${maxChain}`, ...kept, mode]
    .filter((text) => text !== '')
    .join(', ');
}
