/** A disk as a row of cells: how old what lies there is, or where two points differ. */
import type { BlockMap } from '../../jobs/block-map.ts';
import type { Glyphs } from '../view/glyphs.ts';
import type { Line, Role, Span } from '../view/line.ts';

const roles: readonly Role[] = ['error', 'warn', 'accent', 'ok', 'muted'];

/** Cells in `rows` lines of `width`, each of the newest block in it. */
export function ageMap({ cells, owners }: BlockMap, width: number, rows: number, glyphs: Glyphs): Line[] {
  const wanted = width * rows;
  const ages = resample(cells, wanted).map((owner) => ageOf(owner, owners.length));
  return Array.from({ length: rows }, (_, row) => spansOf(ages.slice(row * width, (row + 1) * width), glyphs));
}

/** What the signs mean. */
export function ageLegend(glyphs: Glyphs): Line {
  const words = ['this point', 'newer', 'older', 'the full', 'zeros'];
  return words.flatMap((word, index): Span[] => [
    { text: ` ${glyphs.ages[index]}`, role: roles[index] ?? 'text' },
    { text: ` ${word} `, role: 'muted' },
  ]);
}

/** 0 this point … 3 the oldest; 4 zeros. */
export function ageOf(owner: number, owners: number): number {
  if (owner < 0) return 4;
  if (owner === 0) return 0;
  if (owner === owners - 1) return 3;
  return owner <= Math.max(1, Math.floor(owners / 4)) ? 1 : 2;
}

/** `wanted` cells of another number of them; of several in one the newest counts. */
export function resample(cells: readonly number[], wanted: number): number[] {
  return Array.from({ length: wanted }, (_, index) => {
    const from = Math.floor((index * cells.length) / wanted);
    const to = Math.max(from + 1, Math.floor(((index + 1) * cells.length) / wanted));
    return cells.slice(from, to).reduce((best, owner) => (owner >= 0 && (best < 0 || owner < best) ? owner : best), -1);
  });
}

/** Cells of a disk of `size` bytes: whether anything in them differs. */
export function differenceCells(
  extents: readonly (readonly [number, number])[],
  size: number,
  count: number,
): boolean[] {
  const cells = new Array<boolean>(count).fill(false);
  for (const [offset, length] of extents) {
    const last = Math.min(count - 1, Math.floor(((offset + length - 1) * count) / size));
    for (let cell = Math.floor((offset * count) / size); cell <= last; cell++) cells[cell] = true;
  }
  return cells;
}

function spansOf(ages: readonly number[], glyphs: Glyphs): Line {
  const spans: Span[] = [];
  for (const age of ages) {
    const role = roles[age] ?? 'text';
    const sign = glyphs.ages[age] ?? ' ';
    const last = spans.at(-1);
    if (last?.role === role) spans[spans.length - 1] = { role, text: last.text + sign };
    else spans.push({ role, text: sign });
  }
  return spans;
}
