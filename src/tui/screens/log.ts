/** What happened in this session, the newest last. */
import type { State } from '../state/state.ts';
import { formatClock } from '../view/format.ts';
import { type Line, line, span } from '../view/line.ts';
import type { Look } from '../view/look.ts';
import { windowOf } from '../view/table.ts';
import { pad, printable, wrap } from '../view/text.ts';

export function log(state: State, look: Look): Line[] {
  const { width, height, glyphs } = look;
  if (state.log.length === 0) return [line(' Nothing has happened yet.', 'muted')];
  const cursor = state.cursors.log ?? 0;
  const { top, end } = windowOf(state.log.length, cursor, height - 2);
  const lines = state.log.slice(top, end).map(({ time, role, text }, index): Line => {
    const front = top + index === cursor ? glyphs.cursor : ' ';
    return [span(`${front} ${formatClock(time, state.utc)} `, 'muted'), span(printable(text), role)];
  });
  // The chosen line is shown whole, as far as there is room.
  const chosen = state.log[cursor];
  const whole = chosen === undefined ? [] : wrap(printable(chosen.text), width - 2).slice(0, 3);
  const room = height - whole.length - 1;
  const where = line(pad(`${cursor + 1} of ${state.log.length}`, width - 1, 'right'), 'muted');
  const list = lines.length > room - 1 ? windowLines(lines, cursor - top, room - 1) : lines;
  const padding = Array.from({ length: Math.max(0, room - 1 - list.length) }, () => line(''));
  return [
    ...list,
    ...padding,
    where,
    line(glyphs.rule.repeat(width), 'muted'),
    ...whole.map((text) => line(` ${text}`, chosen?.role ?? 'text')),
  ];
}

function windowLines(lines: readonly Line[], at: number, room: number): readonly Line[] {
  const top = Math.max(0, Math.min(at - Math.floor(room / 2), lines.length - room));
  return lines.slice(top, top + room);
}
