/** Texts in columns of the terminal: a character can be two wide, or none. */
import stringWidth from 'string-width';

const segmenter = new Intl.Segmenter();
const plain = /^[\x20-\x7e]*$/;
/** Each of these takes one column: ASCII, frames and blocks, and what else is drawn often. */
const narrow = /^[\x20-\x7e\u2022\u2026\u2500-\u259f]*$/;

/** Columns that a text takes. */
export function widthOf(text: string): number {
  return narrow.test(text) ? text.length : stringWidth(text);
}

/** The text in at most `width` columns; what is cut ends with `mark`, which is one column wide. */
export function cut(text: string, width: number, mark = '…'): string {
  if (width <= 0) return '';
  if (widthOf(text) <= width) return text;
  let taken = '';
  let used = 0;
  for (const { segment } of segmenter.segment(text)) {
    const wide = widthOf(segment);
    if (used + wide > width - 1) break;
    taken += segment;
    used += wide;
  }
  return taken + mark;
}

/** The text in exactly `width` columns, on the left or on the right of them. */
export function pad(text: string, width: number, align: 'left' | 'right' = 'left', mark = '…'): string {
  const shown = cut(text, width, mark);
  const blank = ' '.repeat(Math.max(0, width - widthOf(shown)));
  return align === 'left' ? shown + blank : blank + shown;
}

/** The text with a sign for each column of what is not ASCII, for terminals that cannot show it. */
export function inAscii(text: string): string {
  if (plain.test(text)) return text;
  return Array.from(segmenter.segment(text), ({ segment }) => {
    if (plain.test(segment)) return segment;
    return segment === '…' ? '~' : '?'.repeat(widthOf(segment));
  }).join('');
}

/** What comes from other machines must not steer the terminal. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, '?');
}

/** Lines of at most `width` columns, broken between words where it can be. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (widthOf(longer) <= width) line = longer;
    else {
      if (line !== '') lines.push(line);
      let rest = word;
      while (widthOf(rest) > width) {
        const part = takeColumns(rest, width) || rest;
        lines.push(part);
        rest = rest.slice(part.length);
      }
      line = rest;
    }
  }
  return [...lines, line];
}

function takeColumns(text: string, width: number): string {
  let taken = '';
  for (const { segment } of segmenter.segment(text)) {
    if (widthOf(taken + segment) > width) break;
    taken += segment;
  }
  return taken;
}
