/** Lists: a heading, and of the rows as many as there is room for, around the one that is chosen. */
import { chosen, type Line, line, type Role, type Span, span } from './line.ts';
import type { Look } from './look.ts';
import { pad, printable } from './text.ts';

export interface Column<Row> {
  readonly title: string;
  /** Columns of the terminal; `rest`: what is left, for one column. */
  readonly width: number | 'rest';
  readonly align?: 'right';
  /** Only shown when the list is at least so wide. */
  readonly from?: number;
  readonly of: (row: Row) => string;
  readonly role?: (row: Row) => Role;
}

export interface List<Row> {
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly cursor: number;
  /** A sign in front of a row; one column. */
  readonly sign?: (row: Row) => string;
}

const smallestRest = 8;

/** The list, at most as high as there is room. The last line says which part it is, when it is a part. */
export function listLines<Row>({ columns, rows, cursor, sign }: List<Row>, look: Look): Line[] {
  const { width, height, glyphs } = look;
  const shown = columns.filter(({ from = 0 }) => width >= from);
  const widths = widthsOf(shown, width - 3);
  const heading = [
    span(
      `   ${cells(shown, widths, ({ title }) => title, look)
        .map(({ text }) => text)
        .join(' ')}`,
      'muted',
    ),
  ];
  const { top, end } = windowOf(rows.length, cursor, height - 1);
  const lines: Line[] = [heading];
  for (let index = top; index < end; index++) {
    const row = rows[index] as Row;
    const isChosen = index === cursor;
    const front = `${isChosen ? ` ${glyphs.cursor}` : '  '}${sign?.(row) ?? ' '}`;
    const texts = cells(shown, widths, ({ of }) => printable(of(row)), look, row);
    const spans: Line = [span(front), ...texts.flatMap((text, n): Span[] => (n === 0 ? [text] : [span(' '), text]))];
    lines.push(isChosen ? chosen(spans, width, glyphs.cut) : spans);
  }
  if (end - top < rows.length) {
    const where = `${top + 1}-${end} of ${rows.length}`;
    lines.push(line(pad(where, width - 1, 'right'), 'muted'));
  }
  return lines;
}

/** Which rows are shown in `height` lines, of which one is for saying so when not all are. */
export function windowOf(
  count: number,
  cursor: number,
  height: number,
): { readonly top: number; readonly end: number } {
  if (count <= height) return { top: 0, end: count };
  const room = Math.max(1, height - 1);
  const top = Math.max(0, Math.min(cursor - Math.floor(room / 2), count - room));
  return { top, end: top + room };
}

function widthsOf<Row>(columns: readonly Column<Row>[], width: number): number[] {
  const fixed = columns.reduce((sum, column) => sum + (column.width === 'rest' ? 0 : column.width), columns.length - 1);
  return columns.map((column) => (column.width === 'rest' ? Math.max(smallestRest, width - fixed) : column.width));
}

function cells<Row>(
  columns: readonly Column<Row>[],
  widths: readonly number[],
  textOf: (column: Column<Row>) => string,
  { glyphs }: Look,
  row?: Row,
): Span[] {
  return columns.map((column, index) => {
    const text = pad(textOf(column), widths[index] ?? 0, column.align ?? 'left', glyphs.cut);
    return span(text, row === undefined ? 'muted' : (column.role?.(row) ?? 'text'));
  });
}
