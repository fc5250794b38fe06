/**
 * How long a backup will take, from what it has done so far: pure. What is stored of what was read tells how much is still to be stored; how fast
 * that arrives, and how fast the source is read, tell when the slower of the two is done.
 */

/** How far a backup is. */
export interface Standing {
  /** Seconds since the source is read. */
  readonly seconds: number;
  /** Position in the source, and its size, in bytes. */
  readonly position: number;
  readonly total: number;
  /** Bytes of finished packs and the one being filled. */
  readonly stored: number;
  /** Bytes of it that have arrived. */
  readonly arrived: number;
}

export interface Forecast {
  /** Bytes to be sent yet, about. */
  readonly left: number;
  /** Bytes a second that arrive. */
  readonly rate: number;
  /** Of the rest. */
  readonly secondsLeft: number;
}

/** Nothing is said before so much of the source was read: its beginning is like no other part of it. */
const leastRead = 1 / 200;
/** By so much a forecast has to miss the limit before a run is stopped for it. */
const margin = 1.25;
/** Seconds until what was seen counts: a twentieth of the limit, within these. */
const settling = { least: 3, most: 600 };

/** Null as long as too little is known. */
export function forecast({ seconds, position, total, stored, arrived }: Standing): Forecast | null {
  if (seconds <= 0 || position < total * leastRead || position === 0) return null;
  const left = Math.max(0, (stored / position) * (total - position) + stored - arrived);
  const reading = (total - position) / (position / seconds);
  const rate = arrived / seconds;
  if (left > 0 && rate === 0) return null;
  return { left, rate, secondsLeft: Math.max(reading, left === 0 ? 0 : left / rate) };
}

/** Whether a run that may take `limit` seconds is to be stopped: it has taken them, or clearly will take more. */
export function isHopeless(seconds: number, found: Forecast | null, limit: number): boolean {
  if (seconds >= limit) return true;
  const settled = seconds >= Math.min(settling.most, Math.max(settling.least, limit / 20));
  return settled && found !== null && seconds + found.secondsLeft > limit * margin;
}
