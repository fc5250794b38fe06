import type { Command } from 'commander';
import { perform } from '../action.ts';
import { exitCodes } from '../exit-codes.ts';
import { describeRestored, formatOption, type ImageOptions, imageNotes } from '../images.ts';
import { text } from '../option-values.ts';

export function addExport(program: Command): void {
  const command = program
    .command('export')
    .summary('write a restore point to a file, or into a bucket, as a disk image')
    .description(
      'Writes the disk as it was at a restore point to a file, or an object of object storage, that needs nothing of the ' +
        'repository: restore with another name, for whole disks only. Of an object only what is not zero goes over the ' +
        'network. A file or object that exists is refused without --force.',
    )
    .argument('<point>', 'the point')
    .requiredOption('--to <file>', 'file to write, or s3://BUCKET/KEY', text)
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
  $ strata export 5f0c --to /mnt/share/web1.vhdx --format vhdx --no-sparse
  $ strata export web1/sda@latest --to s3://images/web1.raw --format raw`,
    );
  perform<ImageOptions, [string]>(command, async (session, options, point) => {
    const { restoreJob } = await import('../../jobs/restore.ts');
    const result = await restoreJob(session.access(), { ...options, point }, session.job());
    session.conclude(describeRestored(result, 'exported'));
    return exitCodes.done;
  });
}
