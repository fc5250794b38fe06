import type { Command } from 'commander';
import type { ListedRun } from '../../jobs/schedule/overview.ts';
import { perform } from '../action.ts';
import { exitCodes } from '../exit-codes.ts';
import { text, wholeNumber } from '../option-values.ts';
import { type Column, table } from '../table.ts';
import { formatDuration, formatSize, formatTime } from '../units.ts';

interface RunsOptions {
  readonly job?: string;
  readonly limit: number;
}

const usualLimit = 50;

const columns: readonly Column<ListedRun>[] = [
  { title: 'job', of: ({ job }) => job },
  { title: 'started', of: ({ started }) => formatTime(started) },
  { title: 'took', of: ({ seconds }) => (seconds === null ? '' : formatDuration(seconds)), align: 'right' },
  { title: 'outcome', of: ({ outcome }) => outcome },
  { title: 'read', of: ({ bytesRead }) => formatSize(bytesRead), align: 'right' },
  { title: 'stored', of: ({ bytesStored }) => formatSize(bytesStored), align: 'right' },
  { title: 'point', of: ({ point }) => point?.slice(0, 8) ?? '' },
  { title: 'message', of: ({ error, warnings }) => error?.message ?? warnings[0]?.message ?? '' },
];

export function addRuns(program: Command): void {
  const command = program
    .command('runs')
    .summary('list the runs of saved jobs')
    .description(
      'Lists the runs of saved jobs, newest first: running, done, warnings, failed, interrupted (stopped or killed), or ' +
        'missed (due while nothing could run it). The last 1000 of each job are kept.',
    )
    .option('--job <name>', 'only those of this job', text)
    .option('--limit <n>', 'at most so many; 0 = all', wholeNumber(0), usualLimit)
    .addHelpText(
      'after',
      `
Examples:
  $ strata runs --job root --limit 10
  $ strata runs --json | jq -r '.[] | select(.outcome == "failed") | .error.message'`,
    );
  perform<RunsOptions, []>(command, async (session, { job, limit }) => {
    const { listedRuns } = await import('../../jobs/schedule/overview.ts');
    const { schedulePlaces } = await import('../../jobs/schedule/places.ts');
    const { runs, unreadable } = await listedRuns({ job, limit: limit || Number.POSITIVE_INFINITY }, schedulePlaces());
    session.answer(runs, () => table(columns, runs));
    for (const message of unreadable) session.warn(message);
    return exitCodes.done;
  });
}
