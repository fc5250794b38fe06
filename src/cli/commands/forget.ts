import type { Command } from 'commander';
import { perform } from '../action.ts';
import { exitCodes } from '../exit-codes.ts';

interface ForgetOptions {
  readonly dryRun?: true;
}

export function addForget(program: Command): void {
  const command = program
    .command('forget')
    .summary('drop restore points')
    .description(
      'Drops restore points. What other points depend on stays readable for them. Protected points and the last verified ' +
        'one of a disk are refused; then none is dropped. Space is freed by collection, not here.',
    )
    .argument('<point...>', 'the points')
    .option('--dry-run', 'say what would go, and drop nothing')
    .addHelpText(
      'after',
      `
Examples:
  $ strata forget 5f0c 91ab --dry-run`,
    );
  perform<ForgetOptions, [string[]]>(command, async (session, options, specs) => {
    const { forgetJob } = await import('../../jobs/forget.ts');
    const result = await forgetJob(session.access(), specs, { dryRun: options.dryRun === true });
    const verb = result.dryRun ? 'would forget' : 'forgot';
    session.answer(result, () =>
      result.forgotten.map((id) =>
        result.neededByOthers.includes(id) ? `${verb} ${id}, kept for points that depend on it` : `${verb} ${id}`,
      ),
    );
    return exitCodes.done;
  });
}
