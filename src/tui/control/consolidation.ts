/** The policy of a consolidation as a form, its plan, and carrying it out. */
import type { ConsolidationRequest } from '../../jobs/consolidate.ts';
import { choiceField, newForm, textField, wordField } from '../state/form.ts';
import type { DiskName } from '../state/state.ts';
import { counted } from '../view/format.ts';
import { describeConsolidation } from './outcomes.ts';
import type { Ui } from './ui.ts';

const day = 86_400_000;

const numbers = [
  ['maxChain', 'Merge chains of more than', '10'],
  ['keepLast', 'Keep the last', ''],
  ['keepDaily', 'Keep daily', '14'],
  ['keepWeekly', 'Keep weekly', '8'],
  ['keepMonthly', 'Keep monthly', '12'],
] as const;

/** Asks what is to be kept. */
export function askPolicy(ui: Ui, disk: DiskName | null): void {
  const before = ui.state.policy;
  const given = (name: (typeof numbers)[number][0], otherwise: string) => {
    if (before === null) return otherwise;
    const value = name === 'maxChain' ? before.maxChain : before.rules?.[name];
    return value === null || value === undefined ? '' : String(value);
  };
  ui.dispatch({
    type: 'form',
    form: newForm({
      title: `Consolidate ${disk === null ? 'all disks' : `${disk.machine}/${disk.disk}`}`,
      text: ['Long chains become synthetic fulls, then points that no rule keeps are forgotten. First comes the plan.'],
      fields: [
        ...numbers.map(([name, label, otherwise]) => textField(name, label, given(name, otherwise), '(no rule)')),
        choiceField(
          'mode',
          'Synthetic fulls',
          [
            { value: 'reference', label: 'refer to blocks where they lie' },
            { value: 'copy', label: 'copy blocks into new packs' },
          ],
          before?.mode ?? 'reference',
        ),
      ],
      does: 'show the plan',
      intent: { do: 'plan', disk },
    }),
  });
}

/** Makes the plan; it is the consolidation itself as a dry run. */
export function plan(ui: Ui, disk: DiskName | null, values: Readonly<Record<string, string>>) {
  const count: Partial<Record<string, number>> = {};
  for (const [name, label] of numbers) {
    const text = (values[name] ?? '').trim();
    if (text === '') continue;
    if (!/^[1-9]\d{0,5}$/.test(text)) {
      return ui.dispatch({ type: 'form-problem', problem: `${label}: write a whole number of 1 or more, or nothing` });
    }
    count[name] = Number(text);
  }
  const { maxChain, ...kept } = count;
  if (maxChain === undefined && Object.keys(kept).length === 0) {
    return ui.dispatch({ type: 'form-problem', problem: 'there is no rule at all: give at least one' });
  }
  const request: ConsolidationRequest = {
    disks: disk === null ? null : [disk],
    maxChain: maxChain ?? null,
    fullEvery: null,
    mode: values.mode === 'copy' ? 'copy' : 'reference',
    rules: Object.keys(kept).length === 0 ? null : kept,
    grace: day,
    maxUnused: null,
    dryRun: true,
  };
  ui.dispatch({ type: 'form', form: null });
  ui.dispatch({ type: 'policy', policy: request });
  ui.dispatch({ type: 'emptied', slot: 'plan' });
  ui.dispatch({ type: 'go', screen: 'plan' });
  ui.load('plan', 'consolidate', request);
}

/** Asks for the machine's name before the plan is carried out. */
export function askToRun(ui: Ui): void {
  const { policy, slots } = ui.state;
  const made = slots.plan.value;
  if (policy === null || made === null) return;
  const gone = made.disks.reduce((sum, { forgetting }) => sum + (forgetting?.forgotten.length ?? 0), 0);
  const what =
    policy.disks === null ? 'all disks' : policy.disks.map(({ machine, disk }) => `${machine}/${disk}`).join(' ');
  ui.dispatch({
    type: 'form',
    form: newForm({
      title: `Consolidate ${what}`,
      text: [
        `${counted(gone, 'point')} will be forgotten. What nothing else needs goes into the trash; a collection a day later or after removes it.`,
        'Until then a forgotten point can be brought back (7 Repository).',
      ],
      fields: [wordField(policy.disks?.[0]?.machine ?? 'all')],
      does: 'consolidate',
      intent: { do: 'consolidate', request: { ...policy, dryRun: false }, what },
    }),
  });
}

export async function consolidate(ui: Ui, request: ConsolidationRequest, what: string): Promise<void> {
  ui.dispatch({ type: 'form', form: null });
  ui.dispatch({ type: 'go', screen: 'jobs', from: 'tab' });
  await ui.run({ action: 'consolidate', subject: what, call: 'consolidate', request, describe: describeConsolidation });
  ui.loadPoints();
  ui.dispatch({ type: 'emptied', slot: 'contents' });
}
