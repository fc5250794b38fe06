/** The options of every command that keeps points by rules. */
import type { Command } from 'commander';
import type { RetentionRules } from '../repository/retention.ts';
import { collect, text, wholeNumber } from './option-values.ts';

export interface RetentionOptions {
  readonly keepLast?: number;
  readonly keepHourly?: number;
  readonly keepDaily?: number;
  readonly keepWeekly?: number;
  readonly keepMonthly?: number;
  readonly keepYearly?: number;
  readonly keepWithin?: string;
  readonly keepTag?: readonly string[];
  readonly timeZone?: string;
}

/** Adds `--keep-last` … `--keep-tag` and `--time-zone`. */
export function addRetentionOptions(command: Command): Command {
  return command
    .option('--keep-last <n>', 'keep the last n points', wholeNumber(1))
    .option('--keep-hourly <n>', 'keep the newest point of each of the last n hours that have one', wholeNumber(1))
    .option('--keep-daily <n>', 'the same of days', wholeNumber(1))
    .option('--keep-weekly <n>', 'the same of weeks, which begin on Monday', wholeNumber(1))
    .option('--keep-monthly <n>', 'the same of months', wholeNumber(1))
    .option('--keep-yearly <n>', 'the same of years', wholeNumber(1))
    .option('--keep-within <time>', 'keep all that are so much older than the newest: 12h, 30d, 1y6m', text)
    .option('--keep-tag <tag>', 'keep all with this tag; can be repeated', collect)
    .option('--time-zone <name>', "whose hours, days and so on; by default this machine's", text);
}

/** The rules on a line; null when there is none. */
export function rulesOf(options: RetentionOptions): RetentionRules | null {
  const { keepLast, keepHourly, keepDaily, keepWeekly, keepMonthly, keepYearly, keepWithin, keepTag } = options;
  const counts = { keepLast, keepHourly, keepDaily, keepWeekly, keepMonthly, keepYearly };
  const rules: RetentionRules = { ...counts, keepWithin, keepTags: keepTag };
  return Object.values(rules).some((rule) => rule !== undefined) ? rules : null;
}
