/** When backups run, what stays of them, and what keeps their chains short. */
import { fail } from '../../errors.ts';
import { calendarProblem, localTimeZone } from '../../jobs/schedule/calendar.ts';
import { parseInterval } from '../../jobs/schedule/interval.ts';
import type { SavedJob } from '../../jobs/schedule/overview.ts';
import type { SetupChoices, UnitPlace } from '../../jobs/setup/plan.ts';
import { previewLines } from '../../jobs/setup/preview.ts';
import { isRoot, keepsTime, unitPlace } from '../../jobs/setup/surroundings.ts';
import type { RetentionRules } from '../../repository/retention.ts';
import { rulesOf } from '../retention-options.ts';
import type { Asker } from './asker.ts';
import type { SetupOptions } from './options.ts';

type Schedule = NonNullable<SavedJob['schedule']>;

const nightly = '30 1 * * *';
const weekly = '0 5 * * 0';
const longestChain = 30;

/** The time zone of all calendars and rules. */
export function timeZoneOf({ timeZone }: SetupOptions): string {
  return timeZone ?? localTimeZone();
}

/** Null: by hand. USAGE for a schedule on the line that is none. */
export async function askSchedule(asker: Asker, options: SetupOptions): Promise<Schedule | null> {
  const timeZone = timeZoneOf(options);
  const { every, calendar, byHand } = options;
  if ([every, calendar, byHand].filter((given) => given !== undefined).length > 1) {
    throw fail('USAGE', { problem: '--every, --calendar and --by-hand exclude each other' });
  }
  const named: Schedule | null | undefined = byHand
    ? null
    : every !== undefined
      ? { every }
      : calendar !== undefined
        ? { calendar, timeZone }
        : undefined;
  const problem = named ? problemOf(named) : calendarProblem({ calendar: nightly, timeZone });
  if (problem !== null) throw fail('USAGE', { problem });
  const usual = { calendar: nightly, timeZone };
  return asker.answer<Schedule | null>({
    option: '--calendar',
    given: named,
    fallback: usual,
    ask: async () => {
      const chosen = await asker.choose<Schedule | 'own' | null>('When do backups run?', [
        { value: usual, name: 'every night at 01:30', description: timeZone },
        { value: { every: '6h' }, name: 'every six hours' },
        { value: { every: '1h' }, name: 'every hour' },
        { value: { calendar: '30 1 * * 0', timeZone }, name: 'every Sunday at 01:30', description: timeZone },
        { value: 'own', name: 'at other times', description: 'an interval such as 90m, or a cron expression' },
        { value: null, name: 'only by hand' },
      ]);
      return chosen === 'own' ? askOwnSchedule(asker, timeZone) : chosen;
    },
  });
}

async function askOwnSchedule(asker: Asker, timeZone: string): Promise<Schedule> {
  const read = (text: string): Schedule =>
    /\s/.test(text.trim()) ? { calendar: text.trim(), timeZone } : { every: text.trim() };
  const text = await asker.text('An interval (90m, 6h, 1d), or minute hour day month weekday:', {
    check: (typed) => problemOf(read(typed)) ?? true,
  });
  return read(text);
}

function problemOf(schedule: Schedule): string | null {
  if ('calendar' in schedule) return calendarProblem(schedule);
  return parseInterval(schedule.every) === null ? 'it takes an interval such as 90m, 6h or 1d' : null;
}

const usualRules: RetentionRules = { keepDaily: 14, keepWeekly: 8, keepMonthly: 12 };

/** What stays; null: everything. `existing` says what the rules would do to the points that are there. */
export async function askRetention(
  asker: Asker,
  options: SetupOptions,
  schedule: Schedule | null,
  existing: (rules: RetentionRules) => Promise<readonly string[]>,
): Promise<RetentionRules | null> {
  const rules = rulesOf(options);
  if (rules !== null && options.keepAll)
    throw fail('USAGE', { problem: '--keep-all goes with no other --keep option' });
  const show = async (chosen: RetentionRules | null) =>
    asker.say(
      ...previewLines(chosen, schedule, timeZoneOf(options)),
      ...(chosen === null ? [] : await existing(chosen)),
    );
  const kept = await asker.answer<RetentionRules | null>({
    option: '--keep-daily and its like, or --keep-all',
    given: options.keepAll ? null : (rules ?? undefined),
    fallback: usualRules,
    ask: async () => {
      for (;;) {
        const chosen = await chooseRules(asker);
        await show(chosen);
        if (await asker.confirm('Keep them so?', true)) return chosen;
      }
    },
  });
  if (!asker.isSilent && (asker.yes || rules !== null)) await show(kept);
  return kept;
}

async function chooseRules(asker: Asker): Promise<RetentionRules | null> {
  const chosen = await asker.choose<RetentionRules | 'own' | null>('How long do restore points stay?', [
    { value: usualRules, name: '14 days, 8 weeks, 12 months', description: 'the newest of each' },
    { value: { keepDaily: 7, keepWeekly: 4 }, name: '7 days, 4 weeks' },
    {
      value: { keepDaily: 30, keepWeekly: 12, keepMonthly: 24, keepYearly: 5 },
      name: '30 days, 12 weeks, 24 months, 5 years',
    },
    { value: 'own', name: 'other numbers' },
    { value: null, name: 'for ever', description: 'until you forget them yourself' },
  ]);
  if (chosen !== 'own') return chosen;
  for (;;) {
    const rules = {
      keepLast: await askCount(asker, 'the last points'),
      keepHourly: await askCount(asker, 'hours'),
      keepDaily: await askCount(asker, 'days'),
      keepWeekly: await askCount(asker, 'weeks'),
      keepMonthly: await askCount(asker, 'months'),
      keepYearly: await askCount(asker, 'years'),
    };
    if (Object.values(rules).some((count) => count !== undefined)) return rules;
    asker.say('  that would keep nothing: at least one number is needed');
  }
}

async function askCount(asker: Asker, what: string): Promise<number | undefined> {
  const text = await asker.text(`How many of ${what} (empty: no rule)?`, {
    check: (typed) => /^\s*([1-9]\d{0,5})?\s*$/.test(typed) || 'a whole number of 1 or more',
  });
  return text === '' ? undefined : Number(text);
}

/** Null: none. */
export async function askConsolidation(
  asker: Asker,
  options: SetupOptions,
  schedule: Schedule | null,
): Promise<SetupChoices['consolidation']> {
  const timeZone = timeZoneOf(options);
  const { consolidate, maxChain = longestChain } = options;
  if (consolidate === false && options.maxChain !== undefined) {
    throw fail('USAGE', { problem: '--max-chain needs a consolidation' });
  }
  const at = { calendar: consolidate || weekly, timeZone };
  const problem = calendarProblem(at);
  if (problem !== null) throw fail('USAGE', { problem });
  const wanted = await asker.answer({
    option: '--consolidate',
    given: consolidate === undefined ? undefined : consolidate !== false,
    fallback: true,
    ask: () => {
      asker.say(
        `  A consolidation merges chains of more than ${maxChain} points, forgets what is not kept, and frees space.`,
      );
      return asker.confirm(schedule === null ? 'Save a job for it?' : 'Consolidate every Sunday at 05:00?', true);
    },
  });
  const isTimed = schedule !== null || typeof consolidate === 'string';
  return wanted ? { maxChain, schedule: isTimed ? at : null } : null;
}

/** Where systemd's units go; null: there are none. */
export async function askUnits(asker: Asker, options: SetupOptions, isTimed: boolean): Promise<UnitPlace | null> {
  const { install, unitDir } = options;
  if (install === false && (unitDir ?? options.user) !== undefined) {
    throw fail('USAGE', { problem: '--no-install excludes --user and --unit-dir' });
  }
  if (!isTimed) {
    if (install ?? unitDir ?? options.user) throw fail('USAGE', { problem: '--install needs a schedule' });
    return null;
  }
  const user = options.user === true || (unitDir === undefined && !isRoot());
  const able = await keepsTime(user);
  const named = install ?? ((unitDir ?? options.user) === undefined ? undefined : true);
  const wanted = await asker.answer({
    option: '--install',
    given: named,
    fallback: able,
    // Where it does not run there is nothing to be told; what comes next says what to do.
    ask: async () => able && asker.confirm('Have systemd start them?', true),
  });
  return wanted ? unitPlace(user, unitDir) : null;
}
