import type { Command } from 'commander';
import { fail } from '../../errors.ts';
import type { Ability, Diagnosis, Remains } from '../../jobs/doctor.ts';
import { perform } from '../action.ts';
import { exitCodes } from '../exit-codes.ts';
import { table } from '../table.ts';
import { formatSize, formatTime } from '../units.ts';

interface DoctorOptions {
  readonly fix?: true;
  readonly dryRun?: true;
}

export function addDoctor(program: Command): void {
  const command = program
    .command('doctor')
    .summary('tell what this machine can do, and what is left to clear up')
    .description(
      'Tells what this machine can do, what is missing and how to get it; with a repository also what killed runs left ' +
        'there, and how much no restore point refers to. The exit code is 3 if something that is required is missing.',
    )
    .option('--fix', 'remove what killed runs left in the repository')
    .option('--dry-run', 'with --fix: say what would go, and remove nothing')
    .addHelpText(
      'after',
      `
Examples:
  $ strata doctor
  $ strata doctor --repo /backup/strata --fix`,
    );
  perform<DoctorOptions, []>(command, async (session, options) => {
    if (options.fix && !session.hasRepository) {
      throw fail('USAGE', { problem: '--fix needs a repository; use --repo or STRATA_REPO' });
    }
    const { doctorJob } = await import('../../jobs/doctor.ts');
    const repository = session.hasRepository ? session.access() : null;
    const diagnosis = await doctorJob({ repository, fix: options.fix === true && options.dryRun !== true });
    session.answer(diagnosis, () => describe(diagnosis));
    return diagnosis.able ? exitCodes.done : exitCodes.warnings;
  });
}

function describe({ machine, remains, fixed }: Diagnosis): string[] {
  const abilities = table<Ability>(
    [
      { title: 'this machine', of: ({ name }) => name },
      { title: '', of: ({ found, required }) => (found ? 'yes' : required ? 'MISSING' : 'no') },
      { title: '', of: ({ detail }) => detail },
      { title: '', of: ({ remedy }) => remedy },
    ],
    machine,
  );
  return remains === null ? abilities : [...abilities, '', ...describeRemains(remains, fixed)];
}

function describeRemains({ deadRuns, unusedPacks }: Remains, fixed: boolean): string[] {
  const runs = deadRuns.map(({ run, machine, disk, since }) => {
    const disks = machine === null ? '' : ` of ${machine}/${disk}`;
    const start = since === null ? '' : `, begun ${formatTime(since)}`;
    return `killed run ${run}${disks}${start}: ${fixed ? 'cleared up' : 'its leftovers can be removed with --fix'}`;
  });
  const packs =
    unusedPacks === null
      ? 'packs without use: not known, as a restore point is damaged; strata verify --all names it'
      : `packs without use: ${unusedPacks.count}, ${formatSize(unusedPacks.bytes)}`;
  return [...(runs.length > 0 ? runs : ['no killed run left anything']), packs];
}
