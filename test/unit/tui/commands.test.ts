import { describe, expect, test } from 'vitest';
import { buildProgram } from '../../../src/cli/program.ts';
import { commandFor, commands, commandsOn, isEnabled, keyLabel, offered } from '../../../src/tui/commands/commands.ts';
import { typedIn } from '../../../src/tui/commands/input.ts';
import { performers } from '../../../src/tui/control/perform.ts';
import { frame } from '../../../src/tui/screens/frame.ts';
import type { ScreenName, State } from '../../../src/tui/state/state.ts';
import { tabs } from '../../../src/tui/state/state.ts';
import { glyphsNamed } from '../../../src/tui/view/glyphs.ts';
import { lineWidth } from '../../../src/tui/view/line.ts';
import { apply, full, points } from './sample.ts';

const screens: readonly ScreenName[] = [...tabs, 'point', 'files', 'job', 'plan', 'doctor', 'log', 'help'];
const on = (screen: ScreenName): State => apply(full, [{ type: 'go', screen, from: 'tab' }]);

describe.each(screens)('on %s', (screen) => {
  test('no key means two things of the same rank', () => {
    for (const isOwn of [true, false]) {
      const keys = commandsOn(screen)
        .filter(([, { screens: where }]) => (where !== undefined) === isOwn)
        .flatMap(([, { keys: all }]) => all);
      expect(keys.filter((key, index) => keys.indexOf(key) !== index)).toEqual([]);
    }
  });

  test('help and quitting can be reached', () => {
    expect(commandFor('?', screen)).toBe('help');
    expect(commandFor('q', screen)).toBe('quit');
    expect(commandFor('esc', screen)).toBe('back');
    expect(commandFor('ctrl-c', screen)).toBe('quit');
  });

  test.each([60, 80, 120, 200])('the footer fits %i columns, and has help', (columns) => {
    const state = { ...on(screen), size: { columns, rows: 24 } };
    const footer = frame(state, glyphsNamed.unicode).at(-1) ?? [];
    expect(lineWidth(footer)).toBeLessThanOrEqual(columns);
    expect(footer.map(({ text }) => text).join('')).toContain('? help');
  });

  test('all lines fit every size, and are as many as the terminal has', () => {
    for (const [columns, rows] of [
      [60, 16],
      [61, 17],
      [79, 23],
      [99, 39],
      [100, 40],
      [133, 50],
      [200, 60],
    ] as const) {
      const lines = frame({ ...on(screen), size: { columns, rows } }, glyphsNamed.unicode);
      expect(lines).toHaveLength(rows);
      for (const line of lines) expect(lineWidth(line)).toBeLessThanOrEqual(columns);
    }
  });
});

test('every command can be reached by a key on one of its screens, and does something', () => {
  for (const [id, { keys, screens: where = screens }] of Object.entries(commands) as [
    keyof typeof commands,
    { keys: readonly string[]; screens?: readonly ScreenName[] },
  ][]) {
    expect(
      where.some((screen) => keys.some((key) => commandFor(key, screen) === id)),
      id,
    ).toBe(true);
    expect(performers[id], id).toBeTypeOf('function');
  }
});

test('what the command line does to a repository can be done here, too', () => {
  const there: Readonly<Record<string, keyof typeof commands>> = {
    backup: 'backup',
    points: 'points',
    show: 'openPoint',
    restore: 'restore',
    verify: 'verify',
    diff: 'comparePoints',
    forget: 'forget',
    protect: 'protect',
    unprotect: 'protect',
    synthesize: 'synthesize',
    consolidate: 'consolidate',
    gc: 'collect',
    undelete: 'undelete',
    mount: 'mount',
    umount: 'unmount',
    mounts: 'mounts',
    attach: 'openPartition',
    detach: 'unmount',
    runs: 'jobs',
    doctor: 'doctor',
    nbd: 'serve',
    repair: 'repair',
    key: 'keys',
    job: 'addJob',
    export: 'restore',
  };
  for (const id of Object.values(there)) expect(commands).toHaveProperty(id);
  // Making a repository, setting up, this UI itself, and what only a shell needs.
  const elsewhere = ['init', 'setup', 'tui', 'completion', 'serve-drive', '__complete', 'help'];
  const known = new Set([...Object.keys(there), ...elsewhere]);
  expect(
    buildProgram()
      .commands.map((command) => command.name())
      .filter((name) => !known.has(name)),
  ).toEqual([]);
});

test('a command that cannot be used says why', () => {
  const marked = apply(on('points'), [{ type: 'mark', point: points[0]?.id ?? '' }]);
  expect(isEnabled('comparePoints', marked)).toBe('this is the marked point: choose another one');
  expect(isEnabled('forget', apply(on('points'), [{ type: 'choose', index: 5 }]))).toBe(
    'it is protected: p takes that back',
  );
  expect(isEnabled('synthesize', apply(on('points'), [{ type: 'choose', index: 29 }]))).toContain('full');
  expect(isEnabled('openPartition', on('point'))).toBe('no file system was found in this point');
  expect(isEnabled('restore', on('points'))).toBe(true);
});

test('the palette finds commands of the screen by their names', () => {
  const state = apply(on('points'), [
    { type: 'palette', open: true },
    { type: 'palette-key', key: { key: 'text', text: 'resto' } },
  ]);
  expect(offered(state).map(([id]) => id)).toEqual(['restore']);
});

test('keys are called what people call them', () => {
  expect(['ctrl-d', 'enter', 'shift-tab', 'G', 'space'].map(keyLabel)).toEqual([
    'Ctrl-D',
    'Enter',
    'Shift-Tab',
    'G',
    'space',
  ]);
});

test('what the terminal sends becomes keys', () => {
  const no = { upArrow: false, downArrow: false, ctrl: false, shift: false, meta: false, tab: false } as Parameters<
    typeof typedIn
  >[1];
  expect(typedIn('', { ...no, downArrow: true })).toEqual([{ key: 'down' }]);
  expect(typedIn('d', { ...no, ctrl: true })).toEqual([{ key: 'ctrl-d' }]);
  expect(typedIn('', { ...no, tab: true, shift: true })).toEqual([{ key: 'shift-tab' }]);
  expect(typedIn(' ', no)).toEqual([{ key: 'space' }]);
  expect(typedIn('G', { ...no, shift: true })).toEqual([{ key: 'G' }]);
  expect(typedIn('/mnt/a b', no)).toEqual([{ text: '/mnt/a b' }]);
  expect(typedIn('x', { ...no, meta: true })).toEqual([]);
  expect(typedIn('\u00152\tab\r\r', no)).toEqual([
    { key: 'ctrl-u' },
    { key: '2' },
    { key: 'tab' },
    { text: 'ab' },
    { key: 'enter' },
    { key: 'enter' },
  ]);
});
