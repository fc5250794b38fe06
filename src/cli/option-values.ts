/** Parsers for option values. What is not accepted is refused before anything is opened, with what would be. */
import { InvalidArgumentError } from 'commander';
import { parseSize } from './units.ts';

const smallestBlock = 64 * 1024;
const largestBlock = 4 * 1024 * 1024;

/** A whole number of `least` … `most`. */
export function wholeNumber(least: number, most = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    const range = most === Number.MAX_SAFE_INTEGER ? `of ${least} or more` : `from ${least} to ${most}`;
    throw new InvalidArgumentError(`It takes a whole number ${range}.`);
  };
}

/** zstd level. */
export const compressionLevel = wholeNumber(1, 19);

/** Bytes, at least 1. */
export function size(text: string): number {
  const bytes = parseSize(text);
  if (bytes === undefined || bytes === 0) {
    throw new InvalidArgumentError('It takes a size in bytes, or with K, M, G or T, such as 512K.');
  }
  return bytes;
}

/** Bytes, or 0. */
export function sizeOrNone(text: string): number {
  return text === '0' ? 0 : size(text);
}

/** A power of two from 64K to 4M. */
export function blockSize(text: string): number {
  const bytes = parseSize(text);
  if (bytes === undefined || bytes < smallestBlock || bytes > largestBlock || (bytes & (bytes - 1)) !== 0) {
    throw new InvalidArgumentError('It takes a power of two from 64K to 4M, such as 256K.');
  }
  return bytes;
}

/** Above 0, up to 100; `%` may follow. */
export function percent(text: string): number {
  const value = /^\d+(\.\d+)?%?$/.test(text) ? Number.parseFloat(text) : Number.NaN;
  if (!(value > 0 && value <= 100)) throw new InvalidArgumentError('It takes a percentage above 0, up to 100.');
  return value;
}

/** Bytes, or with `%` a share above 0, up to 100. */
export function sizeOrPercent(text: string): { bytes: number } | { percent: number } {
  return text.endsWith('%') ? { percent: percent(text) } : { bytes: size(text) };
}

/** Gathers a repeatable option. */
export function collect(text: string, gathered: readonly string[] | undefined): readonly string[] {
  if (text === '') throw new InvalidArgumentError('It takes a text that is not empty.');
  return [...(gathered ?? []), text];
}

/** A text that is not empty. */
export function text(value: string): string {
  if (value === '') throw new InvalidArgumentError('It takes a text that is not empty.');
  return value;
}

/** Seconds of `2d`, `8h`, `90min`. */
export function duration(text: string): number {
  const milliseconds = span(text);
  if (milliseconds === 0) throw new InvalidArgumentError('It takes a time such as 8h, 2d or 90min.');
  return milliseconds / 1000;
}

/** Milliseconds of `7d`, `24h`, `30min`, or 0. */
export function span(text: string): number {
  const [, count, unit] = /^(\d{1,6})(d|h|min)$/.exec(text) ?? [];
  if (text === '0') return 0;
  if (count === undefined || unit === undefined) {
    throw new InvalidArgumentError('It takes a time such as 24h, 7d or 30min, or 0.');
  }
  return Number(count) * ({ d: 86_400_000, h: 3_600_000, min: 60_000 }[unit] ?? 0);
}
