import type { Command } from 'commander';
import { perform } from '../action.ts';
import { exitCodes } from '../exit-codes.ts';
import { blockSize } from '../option-values.ts';
import { firstPassphrase } from '../passphrase.ts';
import { fields } from '../table.ts';
import { formatSize } from '../units.ts';

interface InitOptions {
  readonly blockSize?: number;
  readonly encryption: boolean;
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
    .option('--dry-run', 'check that it can be made there, and write nothing')
    .addHelpText(
      'after',
      `
Examples:
  $ strata init --repo /backup/strata
  $ STRATA_PASSWORD_FILE=/root/pass strata init --repo /backup/strata --block-size 128K`,
    );
  perform<InitOptions, []>(command, async (session, options) => {
    const { initJob } = await import('../../jobs/init.ts');
    const { passwordFile } = command.optsWithGlobals<InitOptions>();
    const { location, storage } = session.access();
    const made = await initJob({
      location,
      storage,
      blockSize: options.blockSize,
      encryption: options.encryption,
      passphrase: () => firstPassphrase(passwordFile),
      dryRun: options.dryRun === true,
    });
    session.answer(made, () =>
      fields([
        [made.dryRun ? 'would make' : 'repository', made.location],
        ['block size', formatSize(made.blockSize)],
        ['encryption', made.encryption],
      ]),
    );
    return exitCodes.done;
  });
}
