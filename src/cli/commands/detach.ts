import type { Command } from 'commander';
import type { DetachResult } from '../../jobs/detach.ts';
import { perform } from '../action.ts';
import { exitCodes } from '../exit-codes.ts';
import { fields } from '../table.ts';

interface DetachOptions {
  readonly commit?: true;
  readonly force?: true;
}

export function addDetach(program: Command): void {
  const command = program
    .command('detach')
    .summary('take a drive apart')
    .description('Unmounts what attach mounted, removes its devices and ends what served them. What uses it is named.')
    .argument('<id>', 'id of the drive; see strata mounts')
    .option('--commit', 'make a restore point of what was written to it')
    .option('--force', 'do not wait for those who use it')
    .addHelpText(
      'after',
      `
Examples:
  $ strata detach 0123abcd
  $ strata detach 0123abcd --commit`,
    );
  perform<DetachOptions, [string]>(command, async (session, options, id) => {
    const { detachJob } = await import('../../jobs/detach.ts');
    const commitTo = options.commit ? session.access() : null;
    const result = await detachJob({ id, force: options.force === true, commitTo }, session.job());
    session.conclude(describe(result));
    return result.committed !== null && result.committed.warnings.length > 0 ? exitCodes.warnings : exitCodes.done;
  });
}

function describe({ id, committed, overlay }: DetachResult): string[] {
  return fields([
    ['detached', id],
    ...(committed === null ? [] : [['committed', `point ${committed.point} (${committed.kind})`] as const]),
    ...(overlay === null ? [] : [['overlay', `${overlay} (kept)`] as const]),
  ]);
}
