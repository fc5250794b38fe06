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

/** `name  value`, the names `names` columns wide. */
export function fact(name: string, value: string, role: Role = 'text', names = 10): Line {
  return [
    { text: ` ${name.padEnd(names)} `, role: 'muted' },
    { text: printable(value), role },
  ];
}
