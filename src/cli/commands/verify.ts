import type { Command } from 'commander';
import { fail } from '../../errors.ts';
import type { VerifiedPoint, VerifyResult } from '../../jobs/verify.ts';
import { perform } from '../action.ts';
import { exitCodes } from '../exit-codes.ts';
import { percent } from '../option-values.ts';
import { formatDuration, formatSize, formatTime } from '../units.ts';

interface VerifyOptions {
  readonly all?: true;
  readonly sample?: number;
}

export function addVerify(program: Command): void {
  const command = program
    .command('verify')
    .summary('read and check restore points')
    .description(
      'Reads and checks manifests, maps and blocks, and names what is damaged by point and range of the disk. The exit ' +
        'code is 13 if anything is.',
    )
    .argument('[point...]', 'the points')
    .option('--all', 'all points of the repository')
    .option('--sample <percent>', 'read only so many of the blocks, chosen at random', percent)
    .addHelpText(
      'after',
      `
Examples:
  $ strata verify web1/sda@latest
  $ strata verify --all --sample 5`,
    );
  perform<VerifyOptions, [string[]]>(command, async (session, options, specs) => {
    if (specs.length > 0 === (options.all === true)) {
      throw fail('USAGE', { problem: 'verify takes points, or --all' });
    }
    const { verifyJob } = await import('../../jobs/verify.ts');
    const request = { specs, all: options.all === true, samplePercent: options.sample ?? 100 };
    const result = await verifyJob(session.access(), request, session.job());
    session.conclude(describe(result));
    return result.damaged > 0 ? exitCodes.damaged : exitCodes.done;
  });
}

/** The lines about a verification. */
export function describe(result: VerifyResult): string[] {
  const { points, damaged, blocksChecked, bytesRead, seconds } = result;
  return [
    ...points.flatMap(describePoint),
    `damaged points: ${damaged} of ${points.length}; ${blocksChecked} blocks checked, ${formatSize(bytesRead)} read in ${formatDuration(seconds)}`,
  ];
}

function describePoint(point: VerifiedPoint): string[] {
  const disk = point.machine === '' ? '' : ` ${point.machine}/${point.disk}`;
  const time = point.time === null ? '' : ` ${formatTime(point.time)}`;
  return [
    `${point.ok ? 'good   ' : 'damaged'} ${point.id}${disk}${time}`,
    ...point.damage.map(({ offset, length, message }) =>
      offset === null ? `        ${message}` : `        ${length} bytes at ${offset}: ${message}`,
    ),
  ];
}
