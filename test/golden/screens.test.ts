/**
 * Every screen as a person sees it: drawn by Ink into a real terminal emulator, compared with what stands in screens/. After a
 * change that is meant: `vitest run test/golden/screens.test.ts -u`, and read what changed.
 */
import { expect, test } from 'vitest';
import { newForm, severalField, textField, wordField } from '../../src/tui/state/form.ts';
import type { Action } from '../../src/tui/state/reducer.ts';
import type { State } from '../../src/tui/state/state.ts';
import { apply, empty, failure, full, now, points } from '../unit/tui/sample.ts';
import { TestTerminal, type Wish } from '../unit/tui/terminal.ts';

const go = (screen: State['screen']): Action => ({ type: 'go', screen, from: 'tab' });
const newest = points[0]?.id ?? '';

const confirmation = newForm({
  title: 'Restore 4/4: summary',
  text: [
    'what   the whole disk, 120.0 GiB of web01/sda of 2026-11-20 22:00',
    'to     /dev/sdc',
    { text: 'This ERASES what is in /dev/sdc.', role: 'error' },
  ],
  fields: [wordField('sdc')],
  does: 'restore',
  intent: { do: 'quit' },
});
const policy = newForm({
  title: 'Back up now',
  text: ['A block device, or an image file.'],
  fields: [textField('source', 'Source', '/dev/sda'), textField('machine', 'Machine', '', "this host's name")],
  does: 'back up',
  intent: { do: 'backup', names: {} },
});
/** Higher than a small screen: the part around what is filled in is shown. */
const sources = newForm({
  title: 'Back up now',
  text: [{ text: 'db01/sda was backed up on db01. This is web01.', role: 'warn' }, 'Several become points of one run.'],
  fields: [
    severalField(
      'disks',
      'Disks of this machine',
      ['all disks, whole', ...Array.from({ length: 9 }, (_, n) => `sd${'abcdefghi'[n]}  80.0 GiB  ext4`)].map(
        (label) => ({
          value: label,
          label,
        }),
      ),
      ['sdc  80.0 GiB  ext4'],
    ),
    textField('others', 'Other sources', '', 'a path'),
  ],
  does: 'back up',
  intent: { do: 'backup', names: {} },
});
const lost = newForm({
  title: 'Forget what is lost',
  text: [
    { text: 'Nothing can be had of 2 points:', role: 'error' },
    { text: '  web01/sda of 2026-11-19 10:00, 02ecd63e', role: 'error' },
    { text: '  web01/sda of 2026-11-20 22:00, 3860103d', role: 'error' },
    'They are forgotten, so that garbage can be collected again. No other point goes.',
  ],
  fields: [wordField('drop')],
  does: 'mend the rest, and forget them',
  intent: { do: 'drop', points: [], quick: false },
});

const screens: Readonly<Record<string, State>> = {
  machines: full,
  points: apply(full, [go('points')]),
  'points-filtered': apply(full, [
    go('points'),
    { type: 'filter', to: 'open' },
    { type: 'filter-key', key: { key: 'text', text: 'protected' } },
  ]),
  'points-unmatched': apply(full, [go('points'), { type: 'filter-key', key: { key: 'text', text: 'nonesuch' } }]),
  point: apply(full, [go('points'), { type: 'point-opened', id: newest }]),
  files: apply(full, [go('files')]),
  chain: apply(full, [go('chain')]),
  mounts: apply(full, [go('mounts')]),
  jobs: apply(full, [go('jobs')]),
  job: apply(full, [go('jobs'), { type: 'job-opened', id: 2 }]),
  'job-long': apply(full, [
    {
      type: 'job-ended',
      id: 2,
      now,
      failure: null,
      state: 'warnings',
      outcome: [
        'mended: 0; lost: 12; took 3m',
        ...Array.from({ length: 12 }, (_, n) => `lost: ${n} web01/sda: a pack is missing`),
      ],
    },
    { type: 'job-opened', id: 2 },
    { type: 'move', move: { to: 'last' } },
  ]),
  compare: apply(full, [go('compare'), { type: 'move', move: { by: 1 } }]),
  plan: apply(full, [go('plan')]),
  repository: apply(full, [go('repository')]),
  doctor: apply(full, [go('doctor')]),
  log: apply(full, [go('log')]),
  help: apply(full, [go('points'), { type: 'go', screen: 'help' }]),
  confirmation: apply(full, [go('points'), { type: 'form', form: confirmation }]),
  form: apply(full, [
    go('points'),
    { type: 'form', form: policy },
    { type: 'form-problem', problem: 'what should be backed up?' },
  ]),
  sources: apply(full, [
    go('points'),
    { type: 'form', form: sources },
    ...Array.from({ length: 6 }, (): Action => ({ type: 'form-key', key: { key: 'down' } })),
  ]),
  lost: apply(full, [go('repository'), { type: 'form', form: lost }]),
  group: apply(full, [go('points'), { type: 'disk', disk: null }, { type: 'move', move: { by: 1 } }]),
  palette: apply(full, [
    go('points'),
    { type: 'palette', open: true },
    { type: 'palette-key', key: { key: 'text', text: 'mo' } },
  ]),
  empty: apply(empty, [
    { type: 'connection', to: 'ready' },
    { type: 'came', slot: 'points', value: [], now },
  ]),
  loading: apply(empty, [{ type: 'asked', slot: 'points', now: now - 5000 }]),
  failed: apply(empty, [
    { type: 'failed', slot: 'points', failure },
    { type: 'connection', to: 'failed', trouble: failure },
  ]),
  gone: apply(full, [go('points'), { type: 'connection', to: 'lost', trouble: failure }]),
  nowhere: { ...empty, place: null },
};

const sizes = {
  small: { columns: 60, rows: 16 },
  usual: { columns: 80, rows: 24 },
  wide: { columns: 120, rows: 40 },
  huge: { columns: 200, rows: 60 },
};
const everywhere = ['small', 'usual'] as const;
const onLarge = ['machines', 'points', 'point', 'chain', 'jobs', 'files'];

const cases: (readonly [name: string, state: State, wish: Wish])[] = Object.entries(screens).flatMap(
  ([name, state]) => [
    ...everywhere.map((size) => [`${name}-${sizes[size].columns}x${sizes[size].rows}`, state, sizes[size]] as const),
    ...(onLarge.includes(name) ? [[`${name}-120x40`, state, sizes.wide] as const] : []),
    ...(name === 'points' || name === 'machines' ? [[`${name}-200x60`, state, sizes.huge] as const] : []),
    ...(['chain', 'machines', 'files', 'loading'].includes(name) || name === 'confirmation' || name === 'job'
      ? [[`${name}-ascii`, state, { ...sizes.usual, signs: 'ascii', colours: false } as const] as const]
      : []),
  ],
);

const esc = String.fromCharCode(27);
/** Sets a colour of a letter or of what is behind it. */
const colour = new RegExp(`${esc}\\[(?:[0-9;]*;)?(?:[349][0-7]|10[0-7]|[345]8)[;m]`);

test.each(cases)('%s', async (name, state, wish) => {
  const terminal = new TestTerminal(state, wish);
  try {
    // The header is on the first row of the terminal, the footer on the last: nothing is too high.
    const text = await terminal.until(
      (shown) => shown.startsWith(' strata  ') && shown.split('\n').length === wish.rows,
      'a frame',
    );
    expect(terminal.output.emulator.buffer.active.baseY).toBe(0);
    await expect(`${text}\n`).toMatchFileSnapshot(`screens/${name}.txt`);
    if (wish.colours === false) expect(terminal.output.written).not.toMatch(colour);
    if (wish.signs === 'ascii') expect(text.replaceAll(/[ -~\n]/g, '')).toBe('');
  } finally {
    await terminal.close();
  }
});
