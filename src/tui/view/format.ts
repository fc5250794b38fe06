/** Times and ages as people read them at night. Sizes and durations are those of the command line. */
import { formatDuration } from '../../cli/units.ts';

const two = (value: number) => String(value).padStart(2, '0');

/** `2026-11-20 22:00`, in the zone of the machine or in UTC. */
export function formatMoment(iso: string, utc: boolean): string {
  const at = new Date(iso);
  if (Number.isNaN(at.getTime())) return iso;
  return utc
    ? `${at.getUTCFullYear()}-${two(at.getUTCMonth() + 1)}-${two(at.getUTCDate())} ${two(at.getUTCHours())}:${two(at.getUTCMinutes())}`
    : `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}`;
}

/** `22:41:07`. */
export function formatClock(milliseconds: number, utc: boolean): string {
  const at = new Date(milliseconds);
  return utc
    ? `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}:${two(at.getUTCSeconds())}`
    : `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** How long ago: `now`, `5 min`, `3 h`, `12 d`. */
export function formatAge(iso: string, now: number): string {
  const minutes = Math.floor((now - Date.parse(iso)) / 60_000);
  if (minutes < 0) return 'ahead';
  if (minutes < 1) return 'now';
  if (minutes < 120) return `${minutes} min`;
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h`;
  return `${Math.floor(minutes / 1440)} d`;
}

/** The same in a sentence: `just now`, `5 min ago`. */
export function formatAgo(iso: string, now: number): string {
  const age = formatAge(iso, now);
  if (age === 'now') return 'just now';
  return age === 'ahead' ? 'in the future' : `${age} ago`;
}

/** A duration of hours as `2h 5m`; shorter ones as elsewhere. */
export function formatLeft(seconds: number): string {
  if (seconds < 3600) return formatDuration(Math.max(1, Math.round(seconds)));
  return `${Math.floor(seconds / 3600)}h ${Math.floor((seconds % 3600) / 60)}m`;
}

/** `1 point`, `2 points`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
