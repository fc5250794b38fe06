import type { Command } from 'commander';
import type { Loss, Mended, RepairResult } from '../../jobs/repair.ts';
import { perform } from '../action.ts';
import { exitCodes } from '../exit-codes.ts';
import { formatDuration, formatTime } from '../units.ts';

interface RepairOptions {
  readonly quick?: true;
  readonly drop?: true;
  readonly dryRun?: true;
}

const kinds = { loc: 'location map', dig: 'digest map', mark: 'mark' } as const;

export function addRepair(program: Command): void {
  const command = program
    .command('repair')
    .summary('mend what is damaged, name what is lost')
    .description(
      'Makes lost block maps anew from what the packs hold, and finds blocks in damaged frames and lost packs again where ' +
        'another copy lies. What cannot be had is named by point and range of the disk; the next backup of that disk reads it ' +
        'again from the source, and a repair after that mends older points with it. The exit code is 13 if anything stays ' +
        'damaged. Not while a collection is at work.',
    )
    .option('--quick', 'do not read all frames: mend what is known to be damaged')
    .option('--drop', 'forget points of which nothing can be had, so that collection can go on')
    .option('--dry-run', 'say what would be mended, and write nothing')
    .addHelpText(
      'after',
      `
Examples:
  $ strata repair --dry-run
  $ strata repair
  $ strata repair --quick --drop`,
    );
  perform<RepairOptions, []>(command, async (session, options) => {
    const { repairJob } = await import('../../jobs/repair.ts');
    const { quick = false, drop = false, dryRun = false } = options;
    const result = await repairJob(session.access(), { quick, drop, dryRun }, session.job());
    session.conclude(describe(result));
    return result.lost.some(({ point }) => !result.dropped.includes(point)) ? exitCodes.damaged : exitCodes.done;
  });
}

/** The lines about a repair, with what to do next. */
export function describe(result: RepairResult): string[] {
  const { dryRun, mended, lost, dropped, seconds } = result;
  return [
    ...mended.map((one) => describeMended(one, dryRun)),
    ...lost.map(describeLoss),
    ...dropped.map((id) => `${dryRun ? 'would forget' : 'forgot'} ${id}: nothing of it can be had`),
    ...nextSteps(result),
    `${dryRun ? 'would mend' : 'mended'}: ${mended.length}; lost: ${lost.length}; took ${formatDuration(seconds)}`,
  ];
}

function describeMended({ point, column, reason }: Mended, dryRun: boolean): string {
  return `${dryRun ? 'would mend' : 'mended'} ${point} ${kinds[column]}: ${reason}`;
}

function describeLoss({ point, machine, disk, time, offset, length, reason }: Loss): string {
  const who = machine === '' ? '' : ` ${machine}/${disk}`;
  const when = time === null ? '' : ` ${formatTime(time)}`;
  return `lost ${point}${who}${when}${offset === null ? '' : ` ${length} bytes at ${offset}`}: ${reason}`;
}

function nextSteps({ lost, dropped, toBackUp }: RepairResult): string[] {
  const left = lost.filter(({ point }) => !dropped.includes(point));
  const steps = toBackUp.map(({ machine, disk, blocks }) => {
    const what = blocks === null ? 'the next backup is a full' : `the next backup reads ${blocks} blocks again`;
    return `back up ${machine}/${disk}: ${what}`;
  });
  if (left.some(({ offset }) => offset !== null)) {
    steps.push('after a backup run strata repair again: what older points have lost may be in the new one');
  }
  if (left.some(({ code, offset }) => offset === null && code !== 'ROOT_MISMATCH')) {
    steps.push('strata repair --drop forgets points of which nothing can be had');
  }
  return steps;
}
