import type { Glyphs } from './glyphs.ts';
import { type Line, line, type Role } from './line.ts';
import { printable, wrap } from './text.ts';

/** Where something is drawn, and with which signs. */
export interface Look {
  readonly glyphs: Glyphs;
  readonly width: number;
  readonly height: number;
}

/** Lines of a text, broken where the width ends. */
export function paragraph(text: string, { width }: Look, role: Role = 'text', indent = 1): Line[] {
  return wrap(printable(text), Math.max(10, width - 2 * indent)).map((part) => line(' '.repeat(indent) + part, role));
}

/** Lines of a whole text at most, where a row had no room for it. */
const wholeLines = 3;
/** With fewer rows a list needs them itself. */
const wholeFrom = 8;

/** What `draw` makes of the room above a text that tells all of the row that is chosen. */
export function aboveWhole(text: string, role: Role, look: Look, draw: (look: Look) => readonly Line[]): Line[] {
  const { width, height, glyphs } = look;
  if (text === '' || height < wholeFrom) return [...draw(look)];
  const whole = paragraph(text, look, role).slice(0, wholeLines);
  const room = height - whole.length - 1;
  const above = draw({ ...look, height: room });
  const padding = Array.from({ length: Math.max(0, room - above.length) }, (): Line => []);
  return [...above, ...padding, line(glyphs.rule.repeat(width), 'muted'), ...whole];
}

/** `name  value`, the names `names` columns wide. */
export function fact(name: string, value: string, role: Role = 'text', names = 10): Line {
  return [
    { text: ` ${name.padEnd(names)} `, role: 'muted' },
    { text: printable(value), role },
  ];
}
