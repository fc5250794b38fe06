/** The policy of a consolidation as a form, its plan, and carrying it out. */
import type { ConsolidationRequest } from '../../jobs/consolidate.ts';
import { choiceField, newForm, textField, wordField } from '../state/form.ts';
import type { DiskName } from '../state/state.ts';
import { counted } from '../view/format.ts';
import { describeConsolidation } from './outcomes.ts';
import { readRules, ruleFields } from './rules.ts';
import type { Ui } from './ui.ts';

const day = 86_400_000;

/** What the form begins with: a plan is shown before anything goes. */
const usual = { maxChain: 10, keep: { keepDaily: 14, keepWeekly: 8, keepMonthly: 12 } } as const;

/** Asks what is to be kept. */
export function askPolicy(ui: Ui, disk: DiskName | null): void {
  const before = ui.state.policy;
  const { maxChain, keep } = before === null ? usual : { maxChain: before.maxChain, keep: before.rules ?? {} };
  ui.dispatch({
    type: 'form',
    form: newForm({
      title: `Consolidate ${disk === null ? 'all disks' : `${disk.machine}/${disk.disk}`}`,
      text: ['Long chains become synthetic fulls, then points that no rule keeps are forgotten. First comes the plan.'],
      fields: [
        textField('maxChain', 'Merge chains of more than', String(maxChain ?? ''), '(never)'),
        ...ruleFields(keep),
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
  const rules = readRules(values);
  if (typeof rules === 'string') return ui.dispatch({ type: 'form-problem', problem: rules });
  const { maxChain, keep } = rules;
  if (maxChain === null && keep === null) {
    return ui.dispatch({ type: 'form-problem', problem: 'there is no rule at all: give at least one' });
  }
  const request: ConsolidationRequest = {
    disks: disk === null ? null : [disk],
    maxChain,
    fullEvery: null,
    mode: values.mode === 'copy' ? 'copy' : 'reference',
    rules: keep,
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
  await ui.run({
    action: 'consolidate',
    subject: what,
    call: 'consolidate',
    request,
    describe: describeConsolidation,
    ends: ({ failed, collectionFailure }) => (failed > 0 || collectionFailure !== null ? 'failed' : undefined),
  });
  ui.loadPoints();
  ui.dispatch({ type: 'emptied', slot: 'contents' });
}
