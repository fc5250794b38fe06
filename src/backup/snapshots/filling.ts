/** Whether the room of a snapshot will be full long before all is read: pure. */

/** In bytes. */
export interface Room {
  readonly used: number;
  readonly total: number;
}

interface Sample {
  readonly seconds: number;
  readonly used: number;
}

/** Seconds until what was seen counts: a twentieth of those that are left, within these. */
const settling = { least: 10, most: 600 };
/** As long as less of the room is used, nothing is concluded. */
const leastUsed = 1 / 8;
/** By so much reading has to take longer than the room lasts: less and less is overwritten for the first time. */
const margin = 2;
const mib = 1024 ** 2;

/** Looks at a room while it fills. How fast it does is taken from the last half of the time, or somewhat more. */
export class Filling {
  #begun: Sample | null = null;
  #before: Sample | null = null;
  #since: Sample | null = null;

  /** Why it is of no use to go on reading for so many seconds more; null when it may hold. `seconds` are of any clock. */
  look(seconds: number, { used, total }: Room, secondsLeft: number | null): string | null {
    const now = { seconds, used };
    this.#begun ??= now;
    this.#before ??= now;
    this.#since ??= now;
    const age = seconds - this.#begun.seconds;
    if (age >= 2 * (this.#since.seconds - this.#begun.seconds)) {
      this.#before = this.#since;
      this.#since = now;
    }
    const rate = (used - this.#before.used) / (seconds - this.#before.seconds);
    if (secondsLeft === null || used < total * leastUsed || !(rate > 0)) return null;
    if (age < Math.min(settling.most, Math.max(settling.least, secondsLeft / 20))) return null;
    const lasts = (total - used) / rate;
    if (lasts * margin >= secondsLeft) return null;
    return (
      `${inMib(used)} of the ${inMib(total)} that it has room for are used, and ${inMib(rate)} more each second: that lasts ` +
      `for about ${Math.round(lasts)} s, and reading takes about ${Math.round(secondsLeft)} s more`
    );
  }
}

/** In words, as exact as it is of use. */
export function inMib(bytes: number): string {
  const count = bytes / mib;
  return `${count < 10 ? count.toFixed(1) : Math.round(count)} MiB`;
}
