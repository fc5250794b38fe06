/** A point over NBD, for as long as its job runs. */

import type { ListedPoint } from '../../jobs/points.ts';
import { choiceField, type Field, type Form, newForm, textField } from '../state/form.ts';
import type { Checked } from '../state/intent.ts';
import { atHome } from '../state/words.ts';
import { formatMoment } from '../view/format.ts';
import { describeExport } from './outcomes.ts';
import type { Ui } from './ui.ts';

type Values = Readonly<Record<string, string>>;

export function askServe(ui: Ui, point: ListedPoint): void {
  ui.dispatch({
    type: 'form',
    form: newForm({
      title: 'Serve over NBD',
      text: [
        'For qemu, nbd-client, nbdcopy and others, until its job or this program ends. Without TLS whoever can connect reads the disk: keep it on this machine, or name a socket.',
      ],
      fields: [
        textField('address', 'HOST:PORT or a socket', '127.0.0.1:10809'),
        choiceField('writes', 'Writes', [
          { value: 'no', label: 'are refused' },
          { value: 'thrown', label: 'are taken, and thrown away at the end' },
          { value: 'kept', label: 'go to a file that is kept' },
        ]),
        choiceField('tls', 'TLS', [
          { value: 'no', label: 'no' },
          { value: 'yes', label: 'yes' },
        ]),
      ],
      does: 'serve',
      intent: { do: 'serve', point, chosen: null },
    }),
  });
}

/** Which files what was chosen takes. */
function askFiles(ui: Ui, back: Form, point: ListedPoint, chosen: Values): void {
  const overlay: Field[] =
    chosen.writes === 'kept'
      ? [textField('overlay', 'File of what is written', '', 'a new one, or one of before')]
      : [];
  const tls: Field[] =
    chosen.tls === 'yes'
      ? [
          textField('certificate', 'Certificate', '', 'PEM file'),
          textField('key', 'Its key', '', 'PEM file'),
          textField('clientCa', 'Authority of clients', '', 'PEM file; empty: any client'),
        ]
      : [];
  ui.dispatch({
    type: 'form',
    form: newForm({
      title: 'Serve over NBD: files',
      text: ['The point itself is never written to.'],
      fields: [...overlay, ...tls],
      does: 'serve',
      intent: { do: 'serve', point, chosen },
      back,
    }),
  });
}

export function serve(ui: Ui, form: Form, { point, chosen }: Extract<Checked, { do: 'serve' }>, entered: Values) {
  const values: Values = { ...chosen, ...entered };
  const given = (name: string) => atHome(values[name] ?? '') || undefined;
  const problem = (text: string) => ui.dispatch({ type: 'form-problem', problem: text });
  const address = given('address');
  if (address === undefined) return problem('where should it listen?');
  const [isKept, hasTls] = [values.writes === 'kept', values.tls === 'yes'];
  if (chosen === null && (isKept || hasTls)) return askFiles(ui, form, point, entered);
  const [overlay, certificate, key, clientCa] = ['overlay', 'certificate', 'key', 'clientCa'].map(given);
  if (isKept && overlay === undefined) return problem('which file is it that writes go to?');
  if (hasTls && (certificate === undefined || key === undefined)) return problem('TLS takes a certificate and its key');
  const { machine, disk, time, id } = point;
  const at = address.includes('/') ? { socket: address, listen: undefined } : { socket: undefined, listen: address };
  const tls =
    hasTls && certificate !== undefined && key !== undefined
      ? { certificate, key, ...(clientCa === undefined ? {} : { clientCa }) }
      : undefined;
  ui.dispatch({ type: 'form', form: null });
  const ended = ui.run({
    action: 'nbd',
    subject: `${machine}/${disk} ${formatMoment(time, ui.state.utc)}`,
    call: 'nbd',
    request: { spec: id, writable: values.writes !== 'no', overlay, tls, ...at },
    describe: describeExport,
  });
  ui.dispatch({ type: 'job-opened', id: ui.lastJob });
  void ended.then(() => ui.load('mounts', 'mounts', {}));
}
