/** The text of a progress report: pure, so that every width and state can be looked at. */
import { formatDuration, formatSize } from './units.ts';

export interface ProgressState {
  readonly label: string;
  /** Bytes of the work done. */
  readonly done: number;
  /** Bytes of the whole work; undefined when nobody knows it, as with a stream. */
  readonly total: number | undefined;
  /** Seconds since the start. */
  readonly seconds: number;
  /** Seconds left, where the action itself knows better than the rate so far. */
  readonly left?: number | undefined;
}

const barWidth = 20;

/** `backup   42 %  1.2 GiB of 2.9 GiB  310.5 MiB/s  5.6s left`, without what is not known. */
export function progressText(state: ProgressState): string {
  const parts = [state.label];
  const rate = state.seconds > 0 ? state.done / state.seconds : 0;
  if (state.total === undefined) {
    parts.push(formatSize(state.done));
  } else {
    parts.push(`${String(percentage(state)).padStart(3)} %`, `${formatSize(state.done)} of ${formatSize(state.total)}`);
  }
  if (rate > 0) {
    parts.push(`${formatSize(rate)}/s`);
    const left = state.left ?? Math.max(0, (state.total ?? 0) - state.done) / rate;
    if (state.total !== undefined) parts.push(`${formatDuration(left)} left`);
  }
  return parts.join('  ');
}

/** The same on one line of a terminal, with a bar where there is room, cut to `columns`. */
export function progressLine(state: ProgressState, columns: number): string {
  const text = progressText(state);
  const room = columns - 1; // the last column stays free: writing to it wraps on some terminals
  if (state.total === undefined || text.length + barWidth + 4 > room) return text.slice(0, Math.max(0, room));
  const filled = Math.floor((percentage(state) * barWidth) / 100);
  const bar = `[${'#'.repeat(filled)}${'-'.repeat(barWidth - filled)}]`;
  return `${state.label}  ${bar}${text.slice(state.label.length)}`;
}

/** Rounded down: 100 is said only when all is done. */
function percentage(state: ProgressState): number {
  if (!state.total) return 100;
  return Math.min(100, Math.floor((state.done * 100) / state.total));
}
