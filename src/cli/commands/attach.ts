import type { Command } from 'commander';
import { fail } from '../../errors.ts';
import type { AttachedPartition, AttachResult } from '../../jobs/attach.ts';
import { perform } from '../action.ts';
import { exitCodes } from '../exit-codes.ts';
import { text, wholeNumber } from '../option-values.ts';
import { fields, table } from '../table.ts';

interface AttachOptions {
  readonly partition?: number;
  readonly at?: string;
  readonly writable?: true;
  readonly overlay?: string;
}

export function addAttach(program: Command): void {
  const command = program
    .command('attach')
    .summary('make a drive of a restore point')
    .description(
      'Makes a block device of a point, one of each of its partitions, and mounts their file systems. All is read-only, ' +
        'and journals are not replayed; --writable lays an overlay over the point, which itself never changes. Needs root.',
    )
    .argument('<point>', 'the point')
    .option('--partition <number>', 'only this partition', wholeNumber(1))
    .option('--at <dir>', 'mount the file systems below this folder')
    .option('--writable', 'take writes; they go to an overlay')
    .option('--overlay <file>', 'with --writable: the file that writes go to, kept when the drive is detached', text)
    .addHelpText(
      'after',
      `
Examples:
  $ strata attach web1/sda@latest --at /mnt/web1
  $ cp /mnt/web1/1/etc/fstab .
  $ strata attach web1/sda@latest --writable --overlay repair.overlay
  $ strata mounts
  $ strata detach 0123abcd`,
    );
  perform<AttachOptions, [string]>(command, async (session, options, spec) => {
    if (options.overlay !== undefined && !options.writable)
      throw fail('USAGE', { problem: '--overlay needs --writable' });
    const { attachJob } = await import('../../jobs/attach.ts');
    const { partition = null, at = null, overlay = null } = options;
    const request = { spec, partition, at, writable: options.writable === true, overlay };
    const result = await attachJob(session.access(), request, session.job());
    for (const { number, reason } of result.partitions) {
      if (reason !== null)
        session.warn(`${number === null ? 'the disk' : `partition ${number}`}: ${reason.message}; ${reason.hint}`);
    }
    session.conclude(describe(result));
    return exitCodes.done;
  });
}

function describe(drive: AttachResult): string[] {
  const lines = fields([
    ['drive', drive.id],
    ['point', drive.point],
    ['device', `${drive.device}${drive.readOnly ? ' (read-only)' : ''}`],
    ...(drive.overlay === null ? [] : [['overlay', drive.overlay] as const]),
    ['detach', `strata detach ${drive.id}`],
  ]);
  const partitions = table<AttachedPartition>(
    [
      { title: 'partition', of: ({ number }) => (number === null ? 'whole disk' : String(number)) },
      { title: 'device', of: ({ device }) => device },
      { title: 'holds', of: ({ fileSystem }) => fileSystem ?? 'nothing known' },
      { title: 'mounted at', of: ({ mountedAt }) => mountedAt ?? '' },
    ],
    drive.partitions,
  );
  return [...lines, '', ...partitions];
}
