import { type Command, Option } from 'commander';
import { fail } from '../../errors.ts';
import type { LockMode } from '../../jobs/init.ts';
import { perform } from '../action.ts';
import { exitCodes } from '../exit-codes.ts';
import { blockSize, wholeNumber } from '../option-values.ts';
import { firstPassphrase } from '../passphrase.ts';
import { fields } from '../table.ts';
import { formatSize } from '../units.ts';

interface InitOptions {
  readonly blockSize?: number;
  readonly encryption: boolean;
  readonly lockDays?: number;
  readonly lockMode?: LockMode;
  readonly dryRun?: true;
  readonly passwordFile?: string;
}

export function addInit(program: Command): void {
  const command = program
    .command('init')
    .summary('make a repository')
    .description(
      'Makes a repository in a folder that is empty or does not exist yet. It is encrypted unless you refuse: the ' +
        'passphrase is needed for everything, and nobody can recover it.',
    )
    .option('--block-size <size>', 'span that is stored and compared as one, 64K to 4M; fixed for ever', blockSize)
    .option('--no-encryption', 'store contents readable for everybody who gets at the repository')
    .option(
      '--lock-days <n>',
      'in a bucket with object lock: nobody can remove or change anything for so long',
      wholeNumber(1, 3650),
    )
    .addOption(
      new Option(
        '--lock-mode <mode>',
        'compliance: nobody at all, the default; governance: but who may bypass it',
      ).choices(['compliance', 'governance']),
    )
    .option('--dry-run', 'check that it can be made there, and write nothing')
    .addHelpText(
      'after',
      `
Examples:
  $ strata init --repo /backup/strata
  $ STRATA_PASSWORD_FILE=/root/pass strata init --repo /backup/strata --block-size 128K
  $ strata init --repo s3://company-backups/servers --lock-days 30`,
    );
  perform<InitOptions, []>(command, async (session, options) => {
    const { initJob } = await import('../../jobs/init.ts');
    const { lockDays, lockMode } = options;
    if (lockMode !== undefined && lockDays === undefined) {
      throw fail('USAGE', { problem: '--lock-mode needs --lock-days' });
    }
    const { passwordFile } = command.optsWithGlobals<InitOptions>();
    const { location, storage } = session.access();
    const made = await initJob({
      location,
      storage,
      blockSize: options.blockSize,
      encryption: options.encryption,
      lock: lockDays === undefined ? null : { mode: lockMode ?? 'compliance', days: lockDays },
      passphrase: () => firstPassphrase(passwordFile),
      dryRun: options.dryRun === true,
    });
    session.answer(made, () =>
      fields([
        [made.dryRun ? 'would make' : 'repository', made.location],
        ['block size', formatSize(made.blockSize)],
        ['encryption', made.encryption],
        ...(made.lock === null ? [] : [['lock', `${made.lock.days} days, ${made.lock.mode}`] as const]),
      ]),
    );
    return exitCodes.done;
  });
}
