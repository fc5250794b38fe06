import type { Command } from 'commander';
import type { ListedPoint } from '../../jobs/points.ts';
import { perform } from '../action.ts';
import { exitCodes } from '../exit-codes.ts';
import { text, wholeNumber } from '../option-values.ts';
import { type Column, table } from '../table.ts';
import { formatSize, formatTime } from '../units.ts';

interface PointsOptions {
  readonly machine?: string;
  readonly disk?: string;
  readonly tag?: string;
  readonly type?: string;
  readonly limit?: number;
  readonly forgotten?: true;
}

const columns: readonly Column<ListedPoint>[] = [
  { title: 'point', of: (point) => point.id.slice(0, 8) },
  { title: 'time', of: (point) => formatTime(point.time) },
  { title: 'disk', of: (point) => `${point.machine}/${point.disk}` },
  { title: 'kind', of: (point) => point.kind },
  { title: 'size', of: (point) => formatSize(point.size), align: 'right' },
  { title: 'stored', of: (point) => formatSize(point.bytesStored), align: 'right' },
  { title: 'chain', of: (point) => String(point.chainLength), align: 'right' },
  { title: 'marks', of: marks },
];

export function addPoints(program: Command): void {
  const command = program
    .command('points')
    .summary('list restore points')
    .description('Lists the restore points, newest first.')
    .option('--machine <name>', 'only those of this machine', text)
    .option('--disk <name>', 'only those of this disk', text)
    .option('--tag <tag>', 'only those with this tag', text)
    .option('--type <type>', 'only those of this type', text)
    .option('--forgotten', 'those that were forgotten, and can be brought back until they are collected')
    .option('--limit <n>', 'at most so many; 0 = all', wholeNumber(0))
    .addHelpText(
      'after',
      `
Examples:
  $ strata points --machine web1 --limit 10
  $ strata points --json | jq -r '.[0].id'`,
    );
  perform<PointsOptions, []>(command, async (session, options) => {
    const { pointsJob } = await import('../../jobs/points.ts');
    const { points, damaged } = await pointsJob(session.access(), {
      ...options,
      limit: options.limit || undefined,
    });
    session.answer(points, () => table(columns, points));
    for (const { message } of damaged) session.warn(message);
    return exitCodes.done;
  });
}

function marks(point: ListedPoint): string {
  const given = [point.protected && 'protected', point.verified && 'verified', ...point.tags.map((tag) => `#${tag}`)];
  return given.filter(Boolean).join(' ');
}
