/** What is done with a restore point: verified, compared, protected, forgotten, brought back, made a full. */
import type { ListedPoint } from '../../jobs/points.ts';
import { choiceField, newForm, wordField } from '../state/form.ts';
import type { Deed } from '../state/intent.ts';
import { diskPoints, pointOf } from '../state/selectors.ts';
import { formatMoment } from '../view/format.ts';
import { describeSynthesis, describeVerify } from './outcomes.ts';
import type { Ui } from './ui.ts';

/** With the marked point, else with the one before. */
export function compare(ui: Ui, point: ListedPoint) {
  const other = pointOf(ui.state, ui.state.marked ?? point.parent);
  if (other === null)
    return ui.notice('the point that it stands on was forgotten: mark another one with space', 'warn');
  const [a, b] = other.time < point.time ? [other, point] : [point, other];
  ui.dispatch({ type: 'compare', a, b });
  ui.dispatch({ type: 'emptied', slot: 'diff' });
  ui.dispatch({ type: 'go', screen: 'compare' });
  ui.load('diff', 'diff', { a: a.id, b: b.id });
}

export function verifyPoint(ui: Ui, point: ListedPoint): Promise<void> {
  return verify(ui, nameOf(ui, point), { points: [point.id], all: false });
}

export function askVerifyAll(ui: Ui): void {
  ui.dispatch({
    type: 'form',
    form: newForm({
      title: 'Verify all points',
      text: ['All blocks of the repository are read and checked. That can take long.'],
      fields: [],
      does: 'verify',
      intent: { do: 'verify-all' },
    }),
  });
}

export async function verify(
  ui: Ui,
  subject: string,
  request: { points: readonly string[]; all: boolean },
): Promise<void> {
  const result = await ui.run({ action: 'verify', subject, call: 'verify', request, describe: describeVerify });
  if (result === null) return;
  const ids = (ok: boolean) => result.points.filter((point) => point.ok === ok).map(({ id }) => id);
  ui.dispatch({ type: 'damaged', found: ids(false), good: ids(true) });
  if (result.damaged > 0) ui.tell(`verify ${subject}: ${result.damaged} points are damaged`, 'error');
  ui.loadPoints();
}

export async function protect(ui: Ui, point: ListedPoint): Promise<void> {
  const result = await ui.attempt('protect', ui.call('protect', { point: point.id, wanted: !point.protected }).result);
  if (result === null) return;
  ui.tell(`${nameOf(ui, point)} is ${result.protected ? 'protected' : 'not protected any more'}`, 'ok');
  ui.loadPoints();
}

export function askForget(ui: Ui, point: ListedPoint): void {
  const needed = diskPoints(ui.state).some(({ parent }) => parent === point.id);
  ui.dispatch({
    type: 'form',
    form: newForm({
      title: 'Forget a restore point',
      text: [
        nameOf(ui, point),
        needed ? 'Points that stand on it stay readable.' : 'No other point stands on it.',
        'It can be brought back until garbage is collected (7 Repository).',
      ],
      fields: [wordField(point.machine)],
      does: 'forget',
      intent: { do: 'forget', point },
    }),
  });
}

export async function forget(ui: Ui, { point }: Extract<Deed, { do: 'forget' }>): Promise<void> {
  const result = await ui.attempt('forget', ui.call('forget', { points: [point.id], dryRun: false }).result);
  if (result === null) return;
  const name = `${point.machine}/${point.disk} of ${formatMoment(point.time, ui.state.utc)}`;
  ui.tell(`${name} is forgotten; 7 brings it back`, 'ok');
  ui.readAgain();
}

export function askUndelete(ui: Ui): void {
  const point = ui.state.slots.contents.value?.forgotten[ui.state.cursors.repository ?? 0];
  if (point === undefined) return;
  ui.dispatch({
    type: 'form',
    form: newForm({
      title: 'Bring a forgotten point back',
      text: [`${point.machine}/${point.disk} of ${formatMoment(point.time, ui.state.utc)}`],
      fields: [],
      does: 'bring it back',
      intent: { do: 'undelete', point: point.id },
    }),
  });
}

export async function undelete(ui: Ui, { point }: Extract<Deed, { do: 'undelete' }>): Promise<void> {
  const result = await ui.attempt('bring back', ui.call('undelete', { point }).result);
  if (result !== null)
    ui.tell(`${result.machine}/${result.disk} of ${formatMoment(result.pointTime, ui.state.utc)} is back`, 'ok');
  ui.readAgain();
}

export function askSynthesis(ui: Ui, point: ListedPoint): void {
  ui.dispatch({
    type: 'form',
    form: newForm({
      title: 'Synthetic full',
      text: [
        `${nameOf(ui, point)}, at the end of a chain of ${point.chainLength}`,
        'A new point of the same content that stands on no other. The points that it is made of stay.',
      ],
      fields: [
        choiceField('mode', 'Blocks', [
          { value: 'reference', label: 'referred to where they lie: nothing is moved' },
          { value: 'copy', label: 'copied into new packs, in the order of the disk' },
        ]),
      ],
      does: 'make it',
      intent: { do: 'synthesize', point },
    }),
  });
}

export async function synthesize(
  ui: Ui,
  { point: { machine, disk, id } }: Extract<Deed, { do: 'synthesize' }>,
  values: Readonly<Record<string, string>>,
): Promise<void> {
  const mode = values.mode === 'copy' ? 'copy' : 'reference';
  await ui.run({
    action: 'synthesize',
    subject: `${machine}/${disk}`,
    call: 'synthesize',
    request: { machine, disk, at: id, mode, requireClone: false, dryRun: false },
    describe: describeSynthesis,
  });
  ui.readAgain();
}

function nameOf(ui: Ui, { machine, disk, time }: ListedPoint): string {
  return `${machine}/${disk} ${formatMoment(time, ui.state.utc)}`;
}
