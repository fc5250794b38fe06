/**
 * What a virtual machine's owner has as hooks: `freeze` has qemu show the instant as an export, begin the bitmap that strata names, and show the
 * one since the newest point; `post` ends that. Words: act, QMP socket, folder, image's size.
 */
import { execFileSync } from 'node:child_process';
import { createConnection } from 'node:net';
import { createInterface } from 'node:readline';

const [act = '', path = '', folder = '', size = ''] = process.argv.slice(2);
const { STRATA_BITMAP: begins = '', STRATA_BITMAP_SINCE: since = '', STRATA_OUTCOME: outcome = '' } = process.env;
const granularity = 65536;

const socket = createConnection(path);
const answers = createInterface(socket)[Symbol.asyncIterator]();

const ended: string[] = [];

/** The next answer; events come in between. */
async function answer() {
  const { value = '{}' } = await answers.next();
  const said = JSON.parse(value);
  if (said.event === 'JOB_STATUS_CHANGE' && said.data.status === 'null') ended.push(said.data.id);
  return said;
}

async function ask(execute: string, words: object = {}): Promise<void> {
  socket.write(`${JSON.stringify({ execute, arguments: words })}\n`);
  for (;;) {
    const said = await answer();
    if (said.error) throw new Error(`${execute}: ${said.error.desc}`);
    if (said.return) return;
  }
}

const add = (node: string, name: string, disabled = false) => ({
  type: 'block-dirty-bitmap-add',
  data: { node, name, granularity, disabled },
});

await answer();
await ask('qmp_capabilities');
if (act === 'freeze') {
  const target = `${folder}/fleece.qcow2`;
  execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', target, size]);
  const file = { driver: 'file', filename: target };
  await ask('blockdev-add', { driver: 'qcow2', 'node-name': 'fleece', file, backing: 'disk' });
  const bitmaps = [{ node: 'disk', name: since }];
  const merge = { type: 'block-dirty-bitmap-merge', data: { node: 'fleece', target: since, bitmaps } };
  const backup = { 'job-id': 'fleecing', device: 'disk', target: 'fleece', sync: 'none' };
  const shown = since === '' ? [] : [add('fleece', since, true), merge];
  const beginning = begins === '' ? [] : [add('disk', begins)];
  await ask('transaction', { actions: [...shown, ...beginning, { type: 'blockdev-backup', data: backup }] });
  const names = since === '' ? {} : { bitmaps: [since] };
  await ask('block-export-add', { type: 'nbd', id: 'instant', 'node-name': 'fleece', name: 'vda', ...names });
}
if (act === 'post') {
  await ask('block-export-del', { id: 'instant', mode: 'hard' });
  await ask('job-cancel', { id: 'fleecing' });
  while (!ended.includes('fleecing')) await answer();
  await ask('blockdev-del', { 'node-name': 'fleece' });
  // The old one goes when its successor stands on a point; when none was made, the new one goes, and the old one goes on.
  const gone = outcome === 'done' ? since : begins;
  if (gone !== '') await ask('block-dirty-bitmap-remove', { node: 'disk', name: gone });
}
socket.end();
