import type { Command } from 'commander';
import { perform } from '../action.ts';
import { exitCodes } from '../exit-codes.ts';
import { describeRestored, formatOption, type ImageOptions, imageNotes } from '../images.ts';
import { text } from '../option-values.ts';

export function addExport(program: Command): void {
  const command = program
    .command('export')
    .summary('write a restore point to a file as a disk image')
    .description(
      'Writes the disk as it was at a restore point to a file that needs nothing of the repository: restore with another ' +
        'name, for whole disks only. A file that exists is refused without --force.',
    )
    .argument('<point>', 'the point')
    .requiredOption('--to <file>', 'file to write', text)
    .addOption(formatOption().makeOptionMandatory())
    .option('--force', 'overwrite what stands there')
    .option('--no-sparse', 'write zeros instead of leaving holes')
    .option('--dry-run', 'check everything, and write nothing')
    .addHelpText(
      'after',
      `
${imageNotes}

Examples:
  $ strata export web1/sda@latest --to web1.qcow2 --format qcow2
  $ strata export 5f0c --to /mnt/share/web1.vhdx --format vhdx --no-sparse`,
    );
  perform<ImageOptions, [string]>(command, async (session, options, point) => {
    const { restoreJob } = await import('../../jobs/restore.ts');
    const result = await restoreJob(session.access(), { ...options, point }, session.job());
    session.conclude(describeRestored(result, 'exported'));
    return exitCodes.done;
  });
}
