/** Intervals, as people write them: `90m`, `6h`, `1d`. */

const secondsOf = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 } as const;
const longest = 3650 * secondsOf.d;

/** Seconds of an interval; null when the text is none of one second to ten years. */
export function parseInterval(text: string): number | null {
  const [, digits = '', unit = ''] = /^(\d{1,9})([smhdw])$/.exec(text) ?? [];
  if (unit === '') return null;
  const seconds = Number(digits) * secondsOf[unit as keyof typeof secondsOf];
  return seconds >= 1 && seconds <= longest ? seconds : null;
}

/** The same in the words of systemd, in the largest unit that it is a whole number of. */
export function systemdInterval(seconds: number): string {
  if (seconds % secondsOf.d === 0) return `${seconds / secondsOf.d}d`;
  if (seconds % secondsOf.h === 0) return `${seconds / secondsOf.h}h`;
  if (seconds % secondsOf.m === 0) return `${seconds / secondsOf.m}min`;
  return `${seconds}s`;
}
