import type { Command } from 'commander';
import { fail } from '../../errors.ts';
import type { ForgetByRulesResult, ForgetResult, PlannedPoint } from '../../jobs/forget.ts';
import { perform } from '../action.ts';
import { exitCodes } from '../exit-codes.ts';
import { text } from '../option-values.ts';
import { addRetentionOptions, type RetentionOptions, rulesOf } from '../retention-options.ts';
import { type Column, table } from '../table.ts';
import { formatSize, formatTime } from '../units.ts';

interface ForgetOptions extends RetentionOptions {
  readonly machine?: string;
  readonly disk?: string;
  readonly dryRun?: true;
}

const columns: readonly Column<PlannedPoint>[] = [
  { title: 'point', of: ({ id }) => id.slice(0, 8) },
  { title: 'time', of: ({ time }) => formatTime(time) },
  { title: 'disk', of: ({ machine, disk }) => `${machine}/${disk}` },
  { title: 'plan', of: ({ keep }) => (keep ? 'keep' : 'drop') },
  {
    title: 'frees',
    of: ({ bytesFreeable }) => (bytesFreeable === null ? '' : formatSize(bytesFreeable)),
    align: 'right',
  },
  { title: 'why', of: ({ reasons }) => reasons.join(', ') },
];

export function addForget(program: Command): void {
  const command = program
    .command('forget')
    .summary('drop restore points')
    .description(
      'Drops restore points: those that are named, or those that no rule keeps. What other points depend on stays readable ' +
        'for them. Protected points and the last verified one of a disk are refused by name, and then none is dropped; by ' +
        'rules they stay, and so do the newest point of each disk and points whose time cannot be right. Space is freed by ' +
        'strata gc, not here.',
    )
    .argument('[point...]', 'the points')
    .option('--machine <name>', 'rules: only for the disks of this machine', text)
    .option('--disk <name>', 'rules: only for this disk', text);
  addRetentionOptions(command)
    .option('--dry-run', 'say what would go and what that would free, and drop nothing')
    .addHelpText(
      'after',
      `
Rules hold for each disk of each machine; a point that any of them keeps is kept. Hours, days and so on without points do
not count, and while there are fewer than wanted the oldest point stays too.

Examples:
  $ strata forget 5f0c 91ab --dry-run
  $ strata forget --keep-last 3 --keep-daily 7 --keep-weekly 4 --keep-monthly 12 --dry-run
  $ strata forget --machine web1 --keep-within 30d --keep-tag release`,
    );
  perform<ForgetOptions, [string[]]>(command, async (session, options, specs) => {
    const { machine, disk, timeZone } = options;
    const dryRun = options.dryRun === true;
    const rules = rulesOf(options);
    if (specs.length > 0 === (rules !== null)) {
      throw fail('USAGE', { problem: 'forget takes points, or rules such as --keep-last 7 that say what to keep' });
    }
    const { forgetByRulesJob, forgetJob } = await import('../../jobs/forget.ts');
    if (rules !== null) {
      const request = { rules, machine, disk, timeZone, dryRun };
      const result = await forgetByRulesJob(session.access(), request, session.listen);
      session.answer(result, () => [...table(columns, result.points), ...summary(result)]);
      return exitCodes.done;
    }
    if ((machine ?? disk ?? timeZone) !== undefined) {
      throw fail('USAGE', {
        problem: '--machine, --disk and --time-zone go with rules (--keep-last …), not with points',
      });
    }
    const result = await forgetJob(session.access(), specs, { dryRun });
    session.answer(result, () => result.forgotten.map((id) => describe(result, id)));
    return exitCodes.done;
  });
}

function describe({ dryRun, neededByOthers }: ForgetResult, id: string): string {
  const verb = dryRun ? 'would forget' : 'forgot';
  return neededByOthers.includes(id) ? `${verb} ${id}, kept for points that depend on it` : `${verb} ${id}`;
}

function summary({
  dryRun,
  points,
  forgotten,
  neededByOthers,
  bytesFreeable,
  timeZone,
}: ForgetByRulesResult): string[] {
  const verb = dryRun ? 'would forget' : 'forgot';
  const others =
    neededByOthers.length > 0 ? `, ${neededByOthers.length} of them kept for points that depend on them` : '';
  return [
    `${verb} ${forgotten.length} of ${points.length} points${others}`,
    `strata gc ${dryRun ? 'could' : 'can'} free ${formatSize(bytesFreeable)}; hours, days and so on are those of ${timeZone}`,
  ];
}
