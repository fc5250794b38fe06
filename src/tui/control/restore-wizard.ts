/**
 * The restore wizard: what, where, how, and once more the whole sentence with a word to type. What it asks the engine for is
 * a dry run of the very restore, so that what cannot be done is said before anything is confirmed.
 */
import { stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { formatSize } from '../../cli/units.ts';
import type { ListedPoint } from '../../jobs/points.ts';
import type { FormatName, RestoreRequest } from '../../jobs/restore.ts';
import { choiceField, type Form, newForm, textField, wordField } from '../state/form.ts';
import type { Checked, RestoreDraft } from '../state/intent.ts';
import { atHome } from '../state/words.ts';
import { formatMoment } from '../view/format.ts';
import { describeRestore } from './outcomes.ts';
import { lineOf, namesOf } from './sources.ts';
import type { Ui } from './ui.ts';
import { waitFor, workIn } from './waiting-form.ts';

/** Step 1: what. The partitions are read first, when nobody has looked at the point yet. */
export async function askWhat(ui: Ui, point: ListedPoint): Promise<void> {
  const title = 'Restore 1/4: what';
  const intent = {
    do: 'restore-what',
    draft: { point, partition: null, what: '', to: '', toName: null },
    labels: {},
  } as const;
  if (ui.state.keyed.details[point.id]?.value == null) {
    const wait = { title, text: [nameOf(ui, point)], doing: 'reading which partitions it has …', intent };
    const shown = await waitFor(ui, wait, ui.call('show', { point: point.id }).result);
    if (shown === null) return;
    ui.dispatch({ type: 'came-of', slot: 'details', key: point.id, value: shown, now: ui.now });
  }
  const layout = ui.state.keyed.details[point.id]?.value?.layout ?? null;
  const partitions = (layout?.partitions ?? []).map(({ number, length, fileSystem, name }) => ({
    value: String(number),
    label: `partition ${number}  ${formatSize(length)}  ${fileSystem ?? 'nothing known'} ${name}`.trimEnd(),
  }));
  const options = [{ value: '', label: `the whole disk, ${formatSize(point.size)}` }, ...partitions];
  ui.dispatch({
    type: 'form',
    form: newForm({
      title,
      text: [
        nameOf(ui, point),
        ...(layout === null ? ['Its partitions cannot be told: what they are read from is damaged.'] : []),
      ],
      fields: [choiceField('partition', 'Restore', options)],
      does: 'next',
      intent: { ...intent, labels: Object.fromEntries(options.map(({ value, label }) => [value, label])) },
    }),
  });
}

/** Step 2: where. Disks of this machine can be chosen, so that nobody has to know what they are called. */
export async function askWhere(ui: Ui, back: Form, draft: RestoreDraft): Promise<void> {
  const title = 'Restore 2/4: where';
  const intent = { do: 'restore-where', draft, names: {} } as const;
  const wait = { title, text: [draft.what], doing: 'looking which disks this machine has …', intent, back };
  const found = await waitFor(ui, wait, ui.call('localDisks', {}).result);
  if (found === null) return;
  const disks = found.filter(({ obstacle }) => obstacle === null);
  ui.dispatch({
    type: 'form',
    form: newForm({
      title,
      text: [draft.what],
      fields: [
        textField('to', 'Write it to', draft.to, 'a file, new or not, or a device: its path'),
        ...(disks.length === 0
          ? []
          : [
              choiceField('disk', 'or onto a disk of this machine', [
                { value: '', label: 'no, to what is written above' },
                ...disks.map((disk) => ({ value: disk.path, label: lineOf(disk) })),
              ]),
            ]),
      ],
      does: 'next',
      intent: { ...intent, names: namesOf(disks) },
      back,
    }),
  });
}

/** The target that was written, or chosen. */
export function takeWhere(
  ui: Ui,
  form: Form,
  { draft, names }: Extract<Checked, { do: 'restore-where' }>,
  { to = '', disk = '' }: Readonly<Record<string, string>>,
) {
  const problem = (text: string) => ui.dispatch({ type: 'form-problem', problem: text });
  const path = atHome(to);
  if (path !== '' && disk !== '') return problem('to a path, or onto a disk: not both');
  if (path === '' && disk === '') return problem('where should it be written to?');
  void askHow(ui, form, { ...draft, to: path || disk, toName: path === '' ? (names[disk] ?? null) : null });
}

/** Step 3: how; what can be chosen depends on what stands there. */
async function askHow(ui: Ui, before: Form, draft: RestoreDraft): Promise<void> {
  const to = resolve(draft.to);
  const found = await stat(to).catch(() => null);
  const device = found?.isBlockDevice() === true;
  const modes = [
    ...(found === null ? [] : [{ value: 'delta', label: 'only blocks that differ from what stands there' }]),
    { value: 'all', label: found === null ? 'all blocks, into a new file' : 'all blocks' },
  ];
  const formats = (['raw', 'vhdx', 'vhd', 'vmdk', 'qcow2'] as const).map((value) => ({ value, label: value }));
  const canChooseFormat = draft.partition === null && !device;
  const there =
    found === null ? `${to} is new.` : `${to} exists: ${device ? 'a block device' : formatSize(found.size)}.`;
  ui.dispatch({
    type: 'form',
    form: newForm({
      title: 'Restore 3/4: how',
      text: [draft.what, there],
      fields: [
        choiceField('mode', 'Write', modes),
        ...(canChooseFormat ? [choiceField('format', 'Format', formats)] : []),
        choiceField('check', 'Afterwards', [
          { value: 'yes', label: 'read it back and compare (raw only)' },
          { value: 'no', label: 'do not read it back' },
        ]),
      ],
      does: 'check and show the summary',
      intent: { do: 'restore-how', draft: { ...draft, to }, exists: found !== null },
      back: before,
    }),
  });
}

/** Step 4: the whole sentence, after a dry run of it. */
export async function askToConfirm(
  ui: Ui,
  before: Form,
  { draft, exists }: { readonly draft: RestoreDraft; readonly exists: boolean },
  values: Readonly<Record<string, string>>,
): Promise<void> {
  const { point, partition, to, toName } = draft;
  const format = (values.format ?? 'raw') as FormatName;
  const delta = values.mode === 'delta';
  if (delta && format !== 'raw') {
    return ui.dispatch({ type: 'form-problem', problem: 'only a raw target can be compared; choose all blocks' });
  }
  const request: RestoreRequest = { point: point.id, to, partition, delta, force: exists, format };
  const work = ui.call('restore', { ...request, dryRun: true }).result;
  const { outcome, isLeft } = await workIn(ui, 'checking that all of it can be read, and fits …', work);
  if (outcome === null || isLeft) return;
  const { size } = outcome;
  const check = values.check === 'yes' && format === 'raw';
  ui.dispatch({
    type: 'form',
    form: newForm({
      title: 'Restore 4/4: summary',
      text: [
        `what   ${draft.what}`,
        `to     ${toName === null ? '' : `${toName}: `}${to}`,
        `write  ${delta ? 'only blocks that differ' : 'all blocks'}, ${formatSize(size)}, ${format}`,
        `then   ${check ? 'read it back and compare' : 'not read back'}`,
        exists
          ? { text: `This ${delta ? 'CHANGES' : 'ERASES'} what is in ${to}.`, role: 'error' }
          : { text: 'Nothing that exists is touched.', role: 'ok' },
      ],
      fields: [wordField(exists ? (toName ?? basename(to)) : 'restore')],
      does: 'restore',
      intent: { do: 'restore', request, what: `${point.machine}/${point.disk} to ${to}`, check },
      back: before,
    }),
  });
}

/** Restores. Reading back is a second restore that writes only what differs: nothing, when all is right. */
export async function restore(ui: Ui, request: RestoreRequest, what: string, check: boolean): Promise<void> {
  ui.dispatch({ type: 'go', screen: 'jobs', from: 'tab' });
  const done = await ui.run({ action: 'restore', subject: what, call: 'restore', request, describe: describeRestore });
  if (done === null || !check) return;
  await ui.run({
    action: 'compare',
    subject: what,
    call: 'restore',
    request: { ...request, delta: true, force: true },
    describe: ({ bytesWritten, size }) =>
      bytesWritten === 0
        ? [`verified: all ${formatSize(size)} read back are those of the point`]
        : [`${formatSize(bytesWritten)} were not as they should be, and were written once more: check the target`],
  });
}

function nameOf(ui: Ui, { machine, disk, time }: ListedPoint): string {
  return `${machine}/${disk} of ${formatMoment(time, ui.state.utc)}`;
}

/** The draft once it is known what is restored. */
export function chosenPart(ui: Ui, draft: RestoreDraft, partition: string, label: string): RestoreDraft {
  const what = `${label.replace(/\s+/g, ' ')} of ${nameOf(ui, draft.point)}`;
  return { ...draft, partition: partition === '' ? null : Number(partition), what };
}
