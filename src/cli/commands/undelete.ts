import type { Command } from 'commander';
import { perform } from '../action.ts';
import { exitCodes } from '../exit-codes.ts';
import { formatTime } from '../units.ts';

export function addUndelete(program: Command): void {
  const command = program
    .command('undelete')
    .summary('bring a forgotten point back')
    .description(
      'Brings a forgotten point back, which is possible until a collection has freed what it needs (see gc --grace).',
    )
    .argument('<point>', 'id of the point, or the beginning of it; points --forgotten lists them')
    .addHelpText(
      'after',
      `
Examples:
  $ strata points --forgotten
  $ strata undelete 5f0c`,
    );
  perform<object, [string]>(command, async (session, _, spec) => {
    const { undeleteJob } = await import('../../jobs/collect.ts');
    const result = await undeleteJob(session.access(), spec);
    const { point, machine, disk, pointTime } = result;
    session.answer(result, () => [`brought back ${point} (${machine}/${disk} of ${formatTime(pointTime)})`]);
    return exitCodes.done;
  });
}
