import type { Command } from 'commander';
import { perform } from '../action.ts';
import { exitCodes } from '../exit-codes.ts';
import { describeRestored, formatOption, type ImageOptions, imageNotes } from '../images.ts';
import { text, wholeNumber } from '../option-values.ts';

interface RestoreOptions extends ImageOptions {
  readonly partition?: number;
  readonly delta?: true;
}

export function addRestore(program: Command): void {
  const command = program
    .command('restore')
    .summary('write a restore point to a file or a device')
    .description(
      'Writes the disk as it was at a restore point. A file that exists is refused without --force or --delta; a ' +
        'mounted device is always refused. Everything is checked before anything is overwritten.',
    )
    .argument('<point>', 'the point')
    .requiredOption('--to <target>', 'file or block device to write', text)
    .addOption(formatOption().default('raw'))
    .option('--partition <n>', 'only this partition, raw', wholeNumber(1))
    .option('--delta', 'write only blocks that differ from what stands there, raw')
    .option('--force', 'overwrite what stands there')
    .option('--no-sparse', 'write zeros instead of leaving holes')
    .option('--dry-run', 'check everything, and write nothing')
    .addHelpText(
      'after',
      `
${imageNotes}

Examples:
  $ strata restore web1/sda@latest --to web1.img
  $ strata restore 5f0c --to /dev/sdb --delta
  $ strata restore 5f0c --to web1.vhdx --format vhdx --no-sparse`,
    );
  perform<RestoreOptions, [string]>(command, async (session, options, point) => {
    const { restoreJob } = await import('../../jobs/restore.ts');
    const result = await restoreJob(session.access(), { ...options, point }, session.job());
    session.conclude(describeRestored(result, 'restored'));
    return exitCodes.done;
  });
}
