/** A row of the screen before it has colours: pieces of text, each with its role. */
import { cut, pad, widthOf } from './text.ts';

/** What a piece of text is for; theme.ts says how that looks. Never the only sign of anything. */
export type Role = 'title' | 'text' | 'muted' | 'accent' | 'ok' | 'warn' | 'error' | 'selected';

export interface Span {
  readonly text: string;
  readonly role: Role;
}

export type Line = readonly Span[];

export const blank: Line = [];

export function span(text: string, role: Role = 'text'): Span {
  return { text, role };
}

export function line(text: string, role: Role = 'text'): Line {
  return [{ text, role }];
}

/** Columns of a line. */
export function lineWidth(spans: Line): number {
  return spans.reduce((sum, { text }) => sum + widthOf(text), 0);
}

/** The line in at most `width` columns. */
export function cutLine(spans: Line, width: number, mark: string): Line {
  if (lineWidth(spans) <= width) return spans;
  const taken: Span[] = [];
  let left = width;
  for (const { text, role } of spans) {
    const wide = widthOf(text);
    // Something follows when this one just fits: the mark takes its last column then.
    if (wide > left || (wide === left && left > 0)) {
      taken.push({ text: wide === left ? cut(`${text}x`, left, mark) : cut(text, left, mark), role });
      return taken;
    }
    taken.push({ text, role });
    left -= wide;
  }
  return taken;
}

/** The line in exactly `width` columns. */
export function fitLine(spans: Line, width: number, mark: string): Line {
  const shown = cutLine(spans, width, mark);
  const blanks = width - lineWidth(shown);
  return blanks > 0 ? [...shown, span(' '.repeat(blanks))] : shown;
}

/** The row that is chosen: all of it looks so, to its end, whatever its pieces are. */
export function chosen(spans: Line, width: number, mark: string): Line {
  return [{ text: pad(spans.map(({ text }) => text).join(''), width, 'left', mark), role: 'selected' }];
}

/** Left and right end of a row. */
export function ends(left: Line, right: Line, width: number, mark: string): Line {
  const room = Math.max(0, width - lineWidth(right));
  return cutLine([...fitLine(left, room, mark), ...right], width, mark);
}

/** Lines of text, without roles. */
export function textOf(lines: readonly Line[]): string {
  return lines
    .map((spans) =>
      spans
        .map(({ text }) => text)
        .join('')
        .trimEnd(),
    )
    .join('\n');
}
