/** A backup now: of one source, of several in one run, or of all disks of this machine. */
import { hostname } from 'node:os';
import type { ListedPoint } from '../../jobs/points.ts';
import type { ShownPoint } from '../../jobs/show.ts';
import { newForm, textField } from '../state/form.ts';
import type { Checked } from '../state/intent.ts';
import { chosenPoint } from '../state/selectors.ts';
import { describeBackup, describeDisks } from './outcomes.ts';
import { namesOf, obstaclesOf, sourceFields, sourcesOf } from './sources.ts';
import type { Ui } from './ui.ts';
import { waitFor } from './waiting-form.ts';

type Values = Readonly<Record<string, string>>;

/** What the disks here are, and where the chosen point came from: only on that machine it can be had again. */
export async function askBackup(ui: Ui): Promise<void> {
  const title = 'Back up now';
  const intent = { do: 'backup', names: {} } as const;
  const doing = 'looking which disks this machine has …';
  const point = chosenPoint(ui.state);
  const work = Promise.all([ui.call('localDisks', {}).result, shownPoint(ui, point)]);
  const found = await waitFor(ui, { title, doing, intent }, work);
  if (found === null) return;
  const [disks, shown] = found;
  const isFromHere = shown !== null && shown.host === hostname() && shown.source.kind !== 'stream';
  const known = isFromHere ? { path: shown.source.path, disk: shown.disk } : undefined;
  const strange = shown !== null && shown.host !== hostname();
  ui.dispatch({
    type: 'form',
    form: newForm({
      title,
      text: [
        ...(strange
          ? [
              {
                text: `${shown.machine}/${shown.disk} was backed up on ${shown.host}. This is ${hostname()}.`,
                role: 'warn',
              } as const,
            ]
          : []),
        ...(known === undefined ? [] : [`${shown?.machine}/${known.disk} comes from ${known.path}.`]),
        'The first point of a disk is full, later ones hold what changed. Several become points of one run, of one instant where that can be had.',
        ...obstaclesOf(disks),
      ],
      fields: [
        ...sourceFields(disks, known === undefined ? [] : [known.path]),
        textField('machine', 'Machine', isFromHere && shown.machine !== hostname() ? shown.machine : '', hostname()),
        textField('disk', 'Name of the disk', '', 'as it was, or that of the source'),
      ],
      does: 'back up',
      intent: { do: 'backup', names: namesOf(disks, known) },
    }),
  });
}

/** More than lists know of a point; null when there is none, or it cannot be read. */
async function shownPoint(ui: Ui, point: ListedPoint | null): Promise<ShownPoint | null> {
  if (point === null) return null;
  const known = ui.state.keyed.details[point.id]?.value ?? null;
  return known ?? ui.call('show', { point: point.id }).result.catch(() => null);
}

export function backup(ui: Ui, { names }: Extract<Checked, { do: 'backup' }>, values: Values) {
  const problem = (text: string) => ui.dispatch({ type: 'form-problem', problem: text });
  const sources = sourcesOf(values, names);
  if (typeof sources === 'string') return problem(sources);
  const machine = values.machine?.trim() || undefined;
  const disk = values.disk?.trim() || undefined;
  const [first, ...more] = sources.disks ?? [];
  const isOne = first !== undefined && more.length === 0;
  if (!isOne && disk !== undefined) return problem('a name of the disk goes with one source: several have their own');
  ui.dispatch({ type: 'form', form: null });
  void (
    isOne
      ? ui.run({
          action: 'backup',
          subject: `${machine ?? hostname()}/${disk ?? first.disk ?? first.source}`,
          call: 'backup',
          request: { source: first.source, machine, disk: disk ?? first.disk },
          describe: describeBackup,
        })
      : ui.run({
          action: 'backup',
          subject: `${sources.disks === null ? 'all' : sources.disks.length} disks of ${machine ?? hostname()}`,
          call: 'backupDisks',
          request: { disks: sources.disks, machine },
          describe: describeDisks,
          ends: ({ failure }) => (failure === null ? undefined : 'failed'),
        })
  ).then(() => ui.readAgain());
}
