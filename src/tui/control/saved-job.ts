/**
 * Saving a job that runs by a schedule: what it does, of which disks, when, and what stays. The last step shows what rules
 * would leave, by the simulator that `strata setup` has, after all was checked as saving it does.
 */
import { hostname } from 'node:os';
import { choiceField, type Field, type Form, newForm, textField } from '../state/form.ts';
import type { Checked, JobDraft, NewJob } from '../state/intent.ts';
import { atHome } from '../state/words.ts';
import { counted } from '../view/format.ts';
import { type Rules, readRules, ruleFields, rulesText } from './rules.ts';
import { namesOf, obstaclesOf, sourceFields, sourcesOf, sourcesText } from './sources.ts';
import type { Ui } from './ui.ts';
import { waitFor, workIn } from './waiting-form.ts';

type Values = Readonly<Record<string, string>>;
type Step<Name> = Extract<Checked, { do: Name }>;

const day = 86_400_000;

const times = [
  { value: '30 1 * * *', label: 'every night at 01:30' },
  { value: '6h', label: 'every six hours' },
  { value: '1h', label: 'every hour' },
  { value: '30 1 * * 0', label: 'every Sunday at 01:30' },
  { value: '', label: 'only by hand' },
] as const;

/** Step 1: what it does. */
export function askJob(ui: Ui): void {
  ui.dispatch({
    type: 'form',
    form: newForm({
      title: 'Save a job: what',
      text: ['It runs by `strata job run`, and by its schedule once `strata job install` has told systemd.'],
      fields: [
        textField('name', 'Name', '', 'a-z, 0-9, -'),
        choiceField('kind', 'Does', [
          { value: 'backup', label: 'back up one disk, several, or all' },
          { value: 'verify', label: 'verify all points' },
          { value: 'consolidate', label: 'consolidate: short chains, old points forgotten' },
        ]),
      ],
      does: 'next',
      intent: { do: 'job-what' },
    }),
  });
}

export async function takeWhat(ui: Ui, before: Form, values: Values): Promise<void> {
  const name = (values.name ?? '').trim();
  if (name === '') return ui.dispatch({ type: 'form-problem', problem: 'what is it called?' });
  const kind = values.kind === 'verify' || values.kind === 'consolidate' ? values.kind : 'backup';
  const draft: JobDraft = {
    name,
    kind,
    sources: { disks: null },
    every: undefined,
    calendar: undefined,
    passwordFile: undefined,
  };
  return kind === 'backup' ? askSources(ui, before, draft) : askWhen(ui, before, draft);
}

/** Step 2, of a backup: of which disks. */
async function askSources(ui: Ui, back: Form, draft: JobDraft): Promise<void> {
  const title = `Save job ${draft.name}: which disks`;
  const intent = { do: 'job-sources', draft, names: {} } as const;
  const doing = 'looking which disks this machine has …';
  const found = await waitFor(ui, { title, doing, intent, back }, ui.call('localDisks', {}).result);
  if (found === null) return;
  ui.dispatch({
    type: 'form',
    form: newForm({
      title,
      text: [`All disks are those that ${hostname()} has when the job runs.`, ...obstaclesOf(found)],
      fields: sourceFields(found),
      does: 'next',
      intent: { ...intent, names: namesOf(found) },
      back,
    }),
  });
}

export function takeSources(ui: Ui, before: Form, { draft, names }: Step<'job-sources'>, values: Values) {
  const sources = sourcesOf(values, names);
  if (typeof sources === 'string') return ui.dispatch({ type: 'form-problem', problem: sources });
  void askWhen(ui, before, { ...draft, sources });
}

/** Step 3: when, and where it finds the passphrase. */
async function askWhen(ui: Ui, back: Form, draft: JobDraft): Promise<void> {
  const title = `Save job ${draft.name}: when`;
  const intent = { do: 'job-when', draft, isEncrypted: false } as const;
  const wait = { title, doing: 'looking whether it takes a passphrase …', intent, back };
  const isEncrypted = await waitFor(ui, wait, ui.call('isEncrypted', {}).result);
  if (isEncrypted === null) return;
  ui.dispatch({
    type: 'form',
    form: newForm({
      title,
      fields: [
        choiceField('time', 'It runs', times),
        textField('own', 'Or else', '', '90m, or as cron: 30 1 * * *'),
        ...(isEncrypted ? [textField('passwordFile', 'File with the passphrase', '', '/etc/strata/pass')] : []),
      ],
      does: 'next',
      intent: { ...intent, isEncrypted },
      back,
    }),
  });
}

export async function takeWhen(
  ui: Ui,
  before: Form,
  { draft, isEncrypted }: Step<'job-when'>,
  values: Values,
): Promise<void> {
  if (isEncrypted && values.passwordFile?.trim() === '') {
    return ui.dispatch({ type: 'form-problem', problem: 'it runs without you: which file has the passphrase?' });
  }
  const time = values.own?.trim() || (values.time ?? '');
  const isCalendar = /\s/.test(time);
  const timed: JobDraft = {
    ...draft,
    every: isCalendar || time === '' ? undefined : time,
    calendar: isCalendar ? time : undefined,
    passwordFile: atHome(values.passwordFile ?? '') || undefined,
  };
  if (draft.kind === 'verify') return summarise(ui, before, timed, { keep: null, maxChain: null });
  askRules(ui, before, timed);
}

/** Step 4: what stays, of a backup after each run. Nothing is forgotten unless a rule is written here. */
function askRules(ui: Ui, back: Form, draft: JobDraft): void {
  const isBackup = draft.kind === 'backup';
  const chain: Field[] = isBackup ? [] : [textField('maxChain', 'Merge chains of more than', '30', '(never)')];
  ui.dispatch({
    type: 'form',
    form: newForm({
      title: `Save job ${draft.name}: what stays`,
      text: [
        `${isBackup ? 'After each run points' : 'Points'} that no rule keeps are forgotten. Without a rule all stay. The next step shows what that comes to.`,
      ],
      fields: [...chain, ...ruleFields()],
      does: 'next',
      intent: { do: 'job-keep', draft },
      back,
    }),
  });
}

export async function takeRules(ui: Ui, before: Form, { draft }: Step<'job-keep'>, values: Values): Promise<void> {
  const rules = readRules(values);
  if (typeof rules === 'string') return ui.dispatch({ type: 'form-problem', problem: rules });
  if (draft.kind === 'consolidate' && rules.keep === null && rules.maxChain === null) {
    return ui.dispatch({ type: 'form-problem', problem: 'there is no rule at all: give at least one' });
  }
  return summarise(ui, before, draft, rules);
}

/** The last step: all of it, and what the rules would leave, after a dry run of saving it. */
async function summarise(ui: Ui, before: Form, draft: JobDraft, rules: Rules): Promise<void> {
  const { name, every, calendar, passwordFile } = draft;
  const request: NewJob = { name, every, calendar, passwordFile, settings: settingsOf(draft, rules) };
  const work = ui.call('planJob', request).result;
  const { outcome, isLeft } = await workIn(ui, 'looking whether it can run, and what the rules would leave …', work);
  if (outcome === null || isLeft) return;
  const time = times.find(({ value }) => value === (calendar ?? every ?? ''));
  ui.dispatch({
    type: 'form',
    form: newForm({
      title: `Save job ${name}`,
      text: [
        `does   ${whatOf(draft)}`,
        `when   ${time?.label ?? calendar ?? `every ${every}`}${calendar === undefined ? '' : `, ${outcome.timeZone}`}`,
        ...(draft.kind === 'verify' ? [] : [`keeps  ${rulesText(rules)}`]),
        ...outcome.preview,
        ...outcome.existing.map(({ text, goes }) => ({ text, role: goes ? ('warn' as const) : ('text' as const) })),
        `It is saved in ${outcome.path}.`,
      ],
      fields: [],
      does: 'save it',
      intent: { do: 'add-job', request },
      back: before,
    }),
  });
}

function settingsOf({ kind, sources: { disks } }: JobDraft, { keep, maxChain }: Rules): NewJob['settings'] {
  switch (kind) {
    case 'verify':
      return { kind };
    case 'consolidate': {
      const policy = {
        disks: null,
        maxChain,
        fullEvery: null,
        mode: 'reference',
        grace: day,
        maxUnused: null,
      } as const;
      return { kind, keep, ...policy };
    }
    case 'backup': {
      const [first, ...more] = disks ?? [];
      return first === undefined || more.length > 0
        ? { kind: 'backup-disks', disks, keep }
        : { kind, source: first.source, disk: first.disk, keep };
    }
  }
}

function whatOf({ kind, sources }: JobDraft): string {
  if (kind === 'verify') return 'verify all points';
  if (kind === 'consolidate') return 'consolidate all disks of the repository';
  const { disks } = sources;
  return disks === null || disks.length === 1
    ? `back up ${sourcesText(sources)}`
    : `back up ${counted(disks.length, 'disk')} in one run: ${sourcesText(sources)}`;
}

export async function addJob(ui: Ui, { request }: Step<'add-job'>): Promise<void> {
  const { outcome, isLeft } = await workIn(ui, 'saving it …', ui.call('addJob', request).result);
  if (outcome === null) return;
  if (!isLeft) ui.dispatch({ type: 'form', form: null });
  ui.dispatch({ type: 'emptied', slot: 'saved' });
  const hint = outcome.job.schedule === null ? 'job run' : 'job install';
  ui.tell(`saved: strata ${hint} ${request.name} ${hint === 'job run' ? 'runs it' : 'starts its schedule'}`, 'ok');
  ui.log(`saved: ${outcome.path}`, 'ok');
}
