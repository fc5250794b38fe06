import type { Command } from 'commander';
import { perform } from '../action.ts';
import { exitCodes } from '../exit-codes.ts';
import { table } from '../table.ts';
import { formatSize } from '../units.ts';

export function addDiff(program: Command): void {
  const command = program
    .command('diff')
    .summary('show what differs between two restore points')
    .description('Shows the ranges of the disk that differ between two points, in whole blocks.')
    .argument('<point>', 'one point')
    .argument('<point>', 'the other')
    .addHelpText(
      'after',
      `
Examples:
  $ strata diff 5f0c 91ab
  $ strata diff web1/sda@2026-11-20T00:00:00Z web1/sda@latest --json`,
    );
  perform<object, [string, string]>(command, async (session, _options, a, b) => {
    const { diffJob } = await import('../../jobs/diff.ts');
    const result = await diffJob(session.access(), a, b, session.listen);
    session.answer(result, () => [
      ...table(
        [
          { title: 'offset', of: ([offset]) => String(offset), align: 'right' },
          { title: 'length', of: ([, length]) => String(length), align: 'right' },
        ],
        result.extents,
      ),
      `${formatSize(result.changedBytes)} in ${result.extents.length} extents differ`,
    ]);
    return exitCodes.done;
  });
}
