/** A point over NBD, for as long as its job runs. */
import type { ListedPoint } from '../../jobs/points.ts';
import { choiceField, newForm, textField } from '../state/form.ts';
import { formatMoment } from '../view/format.ts';
import { describeExport } from './outcomes.ts';
import type { Ui } from './ui.ts';

export function askServe(ui: Ui, point: ListedPoint): void {
  ui.dispatch({
    type: 'form',
    form: newForm({
      title: 'Serve over NBD',
      text: [
        'For qemu, nbd-client, nbdcopy and others. Whoever can connect reads the disk: keep it on this machine, or name a socket. It ends with its job, or with this program.',
      ],
      fields: [
        textField('address', 'HOST:PORT or the path of a socket', '127.0.0.1:10809'),
        choiceField('writes', 'Writes', [
          { value: 'no', label: 'are refused' },
          { value: 'yes', label: 'are taken, and thrown away at the end' },
        ]),
      ],
      does: 'serve',
      intent: { do: 'serve', point },
    }),
  });
}

export function serve(ui: Ui, { machine, disk, time, id }: ListedPoint, values: Readonly<Record<string, string>>) {
  const address = (values.address ?? '').trim();
  if (address === '') return ui.dispatch({ type: 'form-problem', problem: 'where should it listen?' });
  const at = address.includes('/') ? { socket: address, listen: undefined } : { socket: undefined, listen: address };
  ui.dispatch({ type: 'form', form: null });
  const ended = ui.run({
    action: 'nbd',
    subject: `${machine}/${disk} ${formatMoment(time, ui.state.utc)}`,
    call: 'nbd',
    request: { spec: id, writable: values.writes === 'yes', ...at },
    describe: describeExport,
  });
  ui.dispatch({ type: 'job-opened', id: ui.lastJob });
  void ended.then(() => ui.load('mounts', 'mounts', {}));
}
