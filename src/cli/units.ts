/** How sizes, rates, durations and times are written and read on the command line: binary units, ISO 8601 UTC. */

const sizeUnits = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'] as const;
const sizeSuffixes = ['', 'K', 'M', 'G', 'T'] as const;

/** `1536` → `1.5 KiB`. A value that would round to 1024 of its unit is written as 1.0 of the next. */
export function formatSize(bytes: number): string {
  if (bytes < 1024) return `${Math.floor(bytes)} B`;
  let value = bytes / 1024;
  let unit = 0;
  while (value >= 1023.95 && unit < sizeUnits.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${value.toFixed(1)} ${sizeUnits[unit]}`;
}

/** `250ms`, `12.3s`, `4m5s`. */
export function formatDuration(seconds: number): string {
  const milliseconds = Math.round(seconds * 1000);
  if (milliseconds < 1000) return `${milliseconds}ms`;
  const tenths = Math.round(seconds * 10);
  if (tenths < 600) return `${(tenths / 10).toFixed(1)}s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}m${whole % 60}s`;
}

/** A time as people read it: ISO 8601 UTC to the second. */
export function formatTime(iso: string): string {
  return iso.replace(/\.\d+Z$/, 'Z');
}

/** Bytes of `4096`, `64K`, `2G` (binary, K/M/G/T); undefined when the text is nothing of the kind. */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+)([KMGT]?)$/i.exec(text);
  if (!match) return undefined;
  const power = sizeSuffixes.indexOf((match[2] ?? '').toUpperCase() as (typeof sizeSuffixes)[number]);
  const bytes = Number(match[1]) * 1024 ** power;
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}
