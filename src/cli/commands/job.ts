import type { Command } from 'commander';
import type { JobOverview } from '../../jobs/schedule/overview.ts';
import { perform } from '../action.ts';
import { exitCodes } from '../exit-codes.ts';
import { describeSchedule } from '../schedule.ts';
import { fields, table } from '../table.ts';
import { formatTime } from '../units.ts';
import { addJobAdd } from './job-add.ts';
import { addJobInstall, addJobUninstall } from './job-install.ts';
import { addJobRun } from './job-run.ts';

export function addJob(program: Command): void {
  const job = program
    .command('job')
    .summary('saved jobs and their schedules')
    .description(
      'Jobs that are saved under a name, to be run by hand, by systemd (job install) or by strata serve. They lie in ' +
        'STRATA_CONFIG_DIR, for root in /etc/strata/jobs, for others in ~/.config/strata/jobs.',
    )
    .addHelpText(
      'after',
      `
Examples:
  $ strata job add root backup --source /dev/vg0/root --calendar '30 1 * * *'
  $ strata job add check verify --sample 5 --every 7d
  $ strata job run root
  $ strata job install root
  $ strata runs --job root`,
    );
  addJobAdd(job);
  addList(job);
  addShow(job);
  addJobRun(job);
  addRemove(job);
  addJobInstall(job);
  addJobUninstall(job);
}

function addList(job: Command): void {
  const command = job
    .command('list')
    .summary('list the jobs')
    .description('Lists the saved jobs, when they are due and how their last run ended.');
  perform<object, []>(command, async (session) => {
    const { listJobs } = await import('../../jobs/schedule/overview.ts');
    const { schedulePlaces } = await import('../../jobs/schedule/places.ts');
    const { jobs, unreadable } = await listJobs(schedulePlaces());
    session.answer(jobs.map(documentOf), () =>
      table<JobOverview>(
        [
          { title: 'job', of: ({ job: { name } }) => name },
          { title: 'kind', of: ({ job: { kind } }) => kind },
          { title: 'repository', of: ({ job: { repository } }) => repository },
          { title: 'schedule', of: ({ job: { schedule } }) => describeSchedule(schedule) },
          { title: 'due', of: ({ due }) => (due === null ? '' : formatTime(due)) },
          { title: 'last run', of: ({ last }) => (last === null ? '' : `${formatTime(last.started)} ${last.outcome}`) },
        ],
        jobs,
      ),
    );
    for (const message of unreadable) session.warn(message);
    return exitCodes.done;
  });
}

function addShow(job: Command): void {
  const command = job
    .command('show')
    .summary('show a job')
    .description('Shows all settings of a job.')
    .argument('<job>', 'its name');
  perform<object, [string]>(command, async (session, _, name) => {
    const { showJob } = await import('../../jobs/schedule/overview.ts');
    const { schedulePlaces } = await import('../../jobs/schedule/places.ts');
    const found = await showJob(name, schedulePlaces());
    session.answer(documentOf(found), () => describe(found));
    return exitCodes.done;
  });
}

function addRemove(job: Command): void {
  const command = job
    .command('remove')
    .summary('remove a job')
    .description('Removes a saved job. What it made stays, and so does the history of its runs.')
    .argument('<job>', 'its name')
    .option('--dry-run', 'say what would go, and remove nothing');
  perform<{ readonly dryRun?: true }, [string]>(command, async (session, options, name) => {
    const { removeJob } = await import('../../jobs/schedule/remove.ts');
    const { schedulePlaces } = await import('../../jobs/schedule/places.ts');
    const dryRun = options.dryRun === true;
    const removed = await removeJob({ name, dryRun }, schedulePlaces());
    session.answer(removed, () => [`${dryRun ? 'would remove' : 'removed'} job ${name} (${removed.path})`]);
    return exitCodes.done;
  });
}

function documentOf({ job, path, due, last }: JobOverview): object {
  return { ...job, path, due, last };
}

function describe({ job, path, due, last }: JobOverview): string[] {
  const { name, kind, repository, passwordFile, schedule, settings } = job;
  return fields([
    ['job', name],
    ['kind', kind],
    ['file', path],
    ['repository', repository],
    ['passphrase', passwordFile === null ? '' : `in ${passwordFile}`],
    ['schedule', describeSchedule(schedule)],
    ['due', due === null ? '' : formatTime(due)],
    ['last run', last === null ? 'none' : `${formatTime(last.started)} ${last.outcome}`],
    ...Object.entries(settings).map(([key, value]) => [key, describeSetting(value)] as const),
  ]);
}

/** Texts as they are, anything larger as in the file. */
function describeSetting(value: unknown): string {
  if (value === null) return '';
  if (Array.isArray(value) && value.every((entry) => typeof entry === 'string')) return value.join(', ');
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
