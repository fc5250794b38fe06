import { type Command, Option } from 'commander';
import { perform } from '../action.ts';
import { exitCodes } from '../exit-codes.ts';
import { text, wholeNumber } from '../option-values.ts';
import { fields } from '../table.ts';
import { formatDuration, formatSize } from '../units.ts';

interface RestoreOptions {
  readonly to: string;
  readonly format: string;
  readonly partition?: number;
  readonly delta?: true;
  readonly force?: true;
  readonly sparse: boolean;
  readonly dryRun?: true;
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
    .addOption(
      new Option('--format <format>', 'of the file').choices(['raw', 'vhdx', 'vhd', 'vmdk', 'qcow2']).default('raw'),
    )
    .option('--partition <n>', 'only this partition', wholeNumber(1))
    .option('--delta', 'write only blocks that differ from what stands there')
    .option('--force', 'overwrite what stands there')
    .option('--no-sparse', 'write zeros instead of leaving holes')
    .option('--dry-run', 'check everything, and write nothing')
    .addHelpText(
      'after',
      `
Examples:
  $ strata restore web1/sda@latest --to web1.img
  $ strata restore 5f0c --to /dev/sdb --delta`,
    );
  perform<RestoreOptions, [string]>(command, async (session, options, point) => {
    const { restoreJob } = await import('../../jobs/restore.ts');
    const result = await restoreJob(session.access(), { ...options, point }, session.job());
    session.conclude(
      result.dryRun
        ? fields([['would write', `${result.point} of ${formatSize(result.size)} to ${result.to}`]])
        : fields([
            ['restored', `${result.point} to ${result.to}`],
            ['written', `${formatSize(result.bytesWritten)} of ${formatSize(result.size)}`],
            ['skipped', formatSize(result.bytesSkipped)],
            ['took', formatDuration(result.seconds)],
          ]),
    );
    return exitCodes.done;
  });
}
