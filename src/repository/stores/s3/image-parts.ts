/**
 * Of which parts an image is made as an object: what holds something is sent, long rows of zeros are copied by the server from an object
 * of zeros. No part but the last may be shorter than a server takes, so rows of zeros that are too short are sent, and a piece of data that
 * is too short takes of the zeros behind it.
 */

/** From `from` up to, not including, `to`. */
export interface HeldRange {
  readonly from: number;
  readonly to: number;
}

export interface ImagePart {
  readonly kind: 'sent' | 'zeros';
  readonly offset: number;
  readonly length: number;
}

export interface ImageRules {
  /** Of all parts but the last. */
  readonly smallestPart: number;
  readonly largestPart: number;
  readonly mostParts: number;
  /** About as long are parts that are sent, at least twice the smallest, and parts of zeros; longer when there would be too many. */
  readonly sentPart: number;
  readonly zerosPart: number;
}

/** The parts of an image in order; null when no server would take it. `held`: what is not zero, ascending, disjoint. */
export function planImage(held: readonly HeldRange[], size: number, rules: ImageRules): ImagePart[] | null {
  const rows = rowsToSend(held, size, rules.smallestPart);
  let { sentPart, zerosPart } = rules;
  for (;;) {
    const parts: ImagePart[] = [];
    let position = 0;
    for (const { from, to } of rows) {
      slice(parts, 'zeros', position, from, zerosPart);
      slice(parts, 'sent', from, to, sentPart);
      position = to;
    }
    slice(parts, 'zeros', position, size, zerosPart);
    if (parts.length <= rules.mostParts) return parts;
    if (sentPart === rules.largestPart) return null;
    sentPart = Math.min(2 * sentPart, rules.largestPart);
    zerosPart = Math.min(2 * zerosPart, rules.largestPart);
  }
}

function rowsToSend(held: readonly HeldRange[], size: number, smallest: number): HeldRange[] {
  const rows: { from: number; to: number }[] = [];
  for (const { from, to } of held) {
    const last = rows.at(-1);
    if (last === undefined) {
      rows.push({ from: from < smallest ? 0 : from, to });
      continue;
    }
    const end = Math.max(last.to, last.from + smallest);
    if (from - end < smallest) {
      last.to = Math.max(last.to, to);
    } else {
      last.to = end;
      rows.push({ from, to });
    }
  }
  const last = rows.at(-1);
  if (last !== undefined) last.to = Math.max(last.to, Math.min(size, last.from + smallest));
  return rows;
}

/** Adds a row in parts of about the same length. */
function slice(parts: ImagePart[], kind: ImagePart['kind'], from: number, to: number, most: number): void {
  const count = Math.ceil((to - from) / most);
  for (let n = 0; n < count; n++) {
    const offset = from + Math.floor(((to - from) * n) / count);
    parts.push({ kind, offset, length: from + Math.floor(((to - from) * (n + 1)) / count) - offset });
  }
}
