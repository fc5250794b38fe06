/** Rules what to keep, as forms ask for them: the same as on the command line. */
import type { JobSettings } from '../../jobs/schedule/add.ts';
import { type Field, textField } from '../state/form.ts';
import { wordsIn } from '../state/words.ts';

type Keep = NonNullable<Extract<JobSettings, { kind: 'backup' }>['keep']>;

export interface Rules {
  /** Null: everything. */
  readonly keep: Keep | null;
  /** Null: chains grow. */
  readonly maxChain: number | null;
}

const counts = [
  ['keepLast', 'Keep the last'],
  ['keepHourly', 'Keep hourly'],
  ['keepDaily', 'Keep daily'],
  ['keepWeekly', 'Keep weekly'],
  ['keepMonthly', 'Keep monthly'],
  ['keepYearly', 'Keep yearly'],
] as const;

/** A field for each rule; `before`: what stands in it, empty by default. */
export function ruleFields(before: Keep = {}): Field[] {
  const noRule = '(no rule)';
  return [
    ...counts.map(([name, label]) => textField(name, label, String(before[name] ?? ''), noRule)),
    textField('keepWithin', 'Keep all within', before.keepWithin ?? '', '(no rule) such as 30d'),
    textField('keepTags', 'Keep with a tag', (before.keepTags ?? []).join(' '), '(no rule) tags'),
  ];
}

/** What was entered; a text: why it cannot be taken. */
export function readRules(values: Readonly<Record<string, string>>): Rules | string {
  const numbers: Record<string, number> = {};
  for (const [name, label] of [['maxChain', 'Merge chains of more than'], ...counts] as const) {
    const text = (values[name] ?? '').trim();
    if (text === '') continue;
    if (!/^[1-9]\d{0,5}$/.test(text)) return `${label}: write a whole number of 1 or more, or nothing`;
    numbers[name] = Number(text);
  }
  const { maxChain = null, ...kept } = numbers;
  const within = (values.keepWithin ?? '').trim();
  const tags = wordsIn(values.keepTags ?? '');
  if (tags === null) return 'Keep with a tag: a quote is not closed';
  const keep: Keep = {
    ...kept,
    ...(within === '' ? {} : { keepWithin: within }),
    ...(tags.length === 0 ? {} : { keepTags: tags }),
  };
  return { keep: Object.keys(keep).length === 0 ? null : keep, maxChain };
}

/** `daily 14, weekly 8`. */
export function rulesText({ keep, maxChain }: Rules): string {
  const rules = Object.entries(keep ?? {}).map(([rule, value]) => {
    const word = rule.slice('keep'.length).toLowerCase();
    return `${word} ${Array.isArray(value) ? value.join(' ') : value}`;
  });
  const chains = maxChain === null ? [] : [`chains of at most ${maxChain}`];
  return [...(rules.length === 0 ? ['every point'] : rules), ...chains].join(', ');
}
