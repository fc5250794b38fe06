/** Repair, and forgetting what cannot be mended: only points that were named before it was confirmed. */
import type { Loss, RepairResult } from '../../jobs/repair.ts';
import { choiceField, newForm, wordField } from '../state/form.ts';
import type { Deed } from '../state/intent.ts';
import { counted, formatMoment } from '../view/format.ts';
import { describeRepair } from './outcomes.ts';
import type { Ui } from './ui.ts';

/** Points that the question names; the rest is counted. */
const named = 4;

export function askRepair(ui: Ui): void {
  ui.dispatch({
    type: 'form',
    form: newForm({
      title: 'Repair',
      text: [
        'Lost block maps are made anew, and damaged blocks are found again where another copy lies. What cannot be had is named.',
      ],
      fields: [
        choiceField('write', 'Do', [
          { value: 'no', label: 'say what would be mended, and write nothing' },
          { value: 'yes', label: 'mend it; nothing is removed' },
          { value: 'drop', label: 'mend it, and forget points that are lost whole' },
        ]),
        choiceField('read', 'Read', [
          { value: 'all', label: 'all blocks, which can last' },
          { value: 'known', label: 'only what is known to be damaged' },
        ]),
      ],
      does: 'go',
      intent: { do: 'repair' },
    }),
  });
}

export async function repair(ui: Ui, values: Readonly<Record<string, string>>): Promise<void> {
  const quick = values.read === 'known';
  if (values.write === 'drop') return askToDrop(ui, quick);
  await run(ui, { dryRun: values.write !== 'yes', quick, drop: false });
  ui.readAgain();
}

/** Looks what is lost, and asks before anything is forgotten; what can be mended is mended in any case. */
async function askToDrop(ui: Ui, quick: boolean): Promise<void> {
  const found = await run(ui, { dryRun: true, quick, drop: true });
  if (found === null) return;
  if (found.dropped.length === 0) return drop(ui, { do: 'drop', points: [], quick });
  const { form } = ui.state;
  ui.dispatch({
    type: 'form',
    form: newForm({
      title: 'Forget what is lost',
      text: [
        { text: `Nothing can be had of ${counted(found.dropped.length, 'point')}:`, role: 'error' },
        ...namesIn(ui, found).map((text) => ({ text, role: 'error' as const })),
        'They are forgotten, so that garbage can be collected again. No other point goes.',
      ],
      fields: [wordField('drop')],
      does: 'mend the rest, and forget them',
      intent: { do: 'drop', points: found.dropped, quick },
      // Somebody may be filling in another one meanwhile.
      back: form && { ...form, busy: null },
    }),
  });
}

/** Mends what can be mended, and forgets these points of which nothing can be had. */
export async function drop(ui: Ui, { points, quick }: Extract<Deed, { do: 'drop' }>): Promise<void> {
  await run(ui, { dryRun: false, quick, drop: points });
  ui.readAgain();
}

function run(ui: Ui, request: { dryRun: boolean; quick: boolean; drop: boolean | readonly string[] }) {
  return ui.run({
    action: 'repair',
    subject: request.dryRun ? 'what is damaged' : 'repository',
    call: 'repair',
    request,
    describe: describeRepair,
    ends: ({ lost, dropped }) => (lost.some(({ point }) => !dropped.includes(point)) ? 'warnings' : undefined),
  });
}

function namesIn({ state: { utc }, lastJob }: Ui, { dropped, lost }: RepairResult): string[] {
  const nameOf = (id: string, loss: Loss | undefined) =>
    loss === undefined || loss.time === null
      ? `  ${id.slice(0, 8)}, of an unknown disk: its record cannot be read`
      : `  ${loss.machine}/${loss.disk} of ${formatMoment(loss.time, utc)}, ${id.slice(0, 8)}`;
  const names = dropped.map((id) =>
    nameOf(
      id,
      lost.find(({ point }) => point === id),
    ),
  );
  const rest = names.length - named;
  return rest <= 0 ? names : [...names.slice(0, named), `  and ${rest} more: Esc, then job ${lastJob} on 5 names all`];
}
