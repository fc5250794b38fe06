import type { Command } from 'commander';
import type { InstallResult } from '../../jobs/schedule/install.ts';
import { perform } from '../action.ts';
import { exitCodes } from '../exit-codes.ts';
import { text } from '../option-values.ts';

interface InstallOptions {
  readonly unitDir?: string;
  readonly user?: true;
  readonly dryRun?: true;
}

const timing = `
A job with an interval starts when the machine does (within five minutes), and then from start to start. One with a
calendar starts at its times; one run makes up for those that were missed while the machine was off. Where the clocks
go back, systemd leaves the hour that comes again out.
With --user, units run while the user is logged in, unless loginctl enable-linger says otherwise.`;

export function addJobInstall(job: Command): void {
  const command = withPlace(job.command('install'))
    .summary('have systemd run a job')
    .description(
      'Writes strata-JOB.service and strata-JOB.timer and starts the timer. Doing it again changes nothing. Where no ' +
        'systemd runs, it says what to do there; the exit code is 3 then.',
    )
    .option('--dry-run', 'print the units, and write nothing')
    .addHelpText('after', timing);
  perform<InstallOptions, [string]>(command, async (session, options, name) => {
    const { installJob } = await import('../../jobs/schedule/install.ts');
    const { schedulePlaces } = await import('../../jobs/schedule/places.ts');
    const result = await installJob(requestOf(name, options), schedulePlaces());
    session.answer(result, () => (result.dryRun ? textsOf(result) : describe(result, 'wrote', 'is installed already')));
    if (result.warning !== null) session.warn(result.warning);
    return exitCodes.done;
  });
}

export function addJobUninstall(job: Command): void {
  const command = withPlace(job.command('uninstall'))
    .summary('have systemd run a job no more')
    .description('Stops the timer of a job and removes its units, if strata wrote them. The job itself stays.')
    .option('--dry-run', 'say what would go, and remove nothing');
  perform<InstallOptions, [string]>(command, async (session, options, name) => {
    const { uninstallJob } = await import('../../jobs/schedule/install.ts');
    const result = await uninstallJob(requestOf(name, options));
    const verb = result.dryRun ? 'would remove' : 'removed';
    session.answer(result, () => describe(result, verb, 'was not installed'));
    if (result.warning !== null) session.warn(result.warning);
    return exitCodes.done;
  });
}

function withPlace(command: Command): Command {
  return command
    .argument('<job>', 'its name')
    .option('--user', "the user's own systemd (~/.config/systemd/user)")
    .option('--unit-dir <folder>', 'write there, and tell no systemd (default: /etc/systemd/system)', text);
}

function requestOf(name: string, { user, unitDir, dryRun }: InstallOptions) {
  return { name, user: user === true, unitDir, dryRun: dryRun === true };
}

function textsOf({ folder, units }: InstallResult): string[] {
  return units.flatMap(({ name, text: content }) => [`==> ${folder}/${name}`, ...content.trimEnd().split('\n'), '']);
}

function describe({ changed, told, folder }: InstallResult, verb: string, none: string): string[] {
  if (changed.length === 0) return [`it ${none} in ${folder}`];
  return [...changed.map((path) => `${verb} ${path}`), ...(told ? ['systemd knows'] : [])];
}
