/** Tables, medians, and what a figure is worthless without: date, machine, versions. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, release, tmpdir, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { run } from './measure.ts';

export interface Circumstances {
  readonly date: string;
  readonly processor: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly kernel: string;
  readonly workFileSystem: string;
  readonly versions: { readonly [tool: string]: string };
}

/** Describes this machine, now. */
export function circumstances(): Circumstances {
  const ask = (command: string): string => run(tmpdir(), command).split('\n')[0]?.trim() ?? '';
  return {
    date: new Date().toISOString(),
    processor: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryBytes: totalmem(),
    kernel: release(),
    workFileSystem: ask('stat -f -c %T .'),
    versions: {
      strata: ask('strata --version'),
      node: process.version,
      zstd: ask('zstd --version'),
      'qemu-img': ask('qemu-img --version'),
      restic: ask('restic version'),
      borg: ask('borg --version'),
      coreutils: ask('cp --version'),
    },
  };
}

/** One line that says where and when. */
export function describe({ date, processor, cores, memoryBytes, kernel }: Circumstances): string {
  return `Measured ${date.slice(0, 10)} on ${processor}, ${cores} cores, ${Math.round(memoryBytes / 2 ** 30)} GiB, Linux ${kernel}.`;
}

/** Middle value; NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const high = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? high : (high + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

/** A Markdown table with aligned columns; the first column is text, the rest figures. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) => Math.max(title.length, 4, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    `| ${widths.map((width, column) => align(cells[column] ?? '', width, column)).join(' | ')} |`;
  const rule = widths.map((width, column) => (column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  return [line(head), line(rule), ...rows.map(line)].join('\n');
}

const align = (text: string, width: number, column: number): string =>
  column === 0 ? text.padEnd(width) : text.padStart(width);

/** Keeps the figures in bench/results/, one file a day and kind. */
export function saveResults(kind: string, context: Circumstances, figures: object): void {
  const folder = fileURLToPath(new URL('results', import.meta.url));
  mkdirSync(folder, { recursive: true });
  const path = `${folder}/${context.date.slice(0, 10)}-${kind}.json`;
  writeFileSync(path, `${JSON.stringify({ circumstances: context, ...figures }, null, 2)}\n`);
  console.error(`bench: wrote ${path}`);
}
