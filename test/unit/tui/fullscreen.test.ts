/** How the terminal is treated: no flicker, not too many frames, keys that arrive, and everything put back. */
import { afterEach, expect, test } from 'vitest';
import type { Typed } from '../../../src/tui/commands/input.ts';
import { full, now } from './sample.ts';
import { TestTerminal } from './terminal.ts';

let terminal: TestTerminal;
const typed: Typed[] = [];
const open = (columns: number, rows: number) => {
  typed.length = 0;
  terminal = new TestTerminal(full, { columns, rows }, (key) => typed.push(key));
  return terminal.shows('Machines'.slice(0, 4));
};

afterEach(() => terminal.close());

/** The screen is cleared as a whole. */
const cleared = '\u001b[2J';

test('a storm of events makes few frames, and none of them clears the screen', async () => {
  await open(80, 24);
  terminal.store.dispatch({ type: 'go', screen: 'jobs', from: 'tab' });
  const before = terminal.output.written.length;
  const began = performance.now();
  let position = 0;
  while (performance.now() - began < 1000) {
    for (let n = 0; n < 20; n++) {
      position += 1024 ** 2;
      const event = { event: 'progress', time: '', position, total: 1024 ** 4 } as const;
      terminal.store.dispatch({ type: 'job-event', id: 2, event, now: now + position / 1000 });
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const seconds = (performance.now() - began) / 1000;
  const written = terminal.output.written.slice(before);
  const frames = written.split('\u001b[?2026h').length - 1;
  expect(frames).toBeGreaterThan(1);
  expect(frames / seconds).toBeLessThanOrEqual(15);
  expect(written).not.toContain(cleared);
});

test('another size is followed, back and forth; too small a terminal says so', async () => {
  await open(80, 24);
  for (const [columns, rows] of [
    [120, 40],
    [60, 16],
    [200, 60],
    [80, 24],
  ] as const) {
    terminal.output.resize({ columns, rows });
    const isWhole = (lines: readonly string[]) =>
      lines.length === rows && lines[0]?.startsWith(' strata ') && lines.at(-1)?.trimEnd().endsWith('? help');
    await terminal.until((text) => isWhole(text.split('\n')) === true, `a frame of ${columns}x${rows}`);
  }
  terminal.output.resize({ columns: 50, rows: 12 });
  await terminal.shows('terminal too small (need 60x16)');
  terminal.output.resize({ columns: 80, rows: 24 });
  await terminal.shows('? help');
});

test('keys arrive by their names', async () => {
  await open(80, 24);
  for (const key of ['j', 'G', '\u001b[B', '\u001b[5~', '\r', '\t', '\u001b[Z', ' ', '\u0004', '\u007f', '/srv/a']) {
    const before = typed.length;
    terminal.press(key);
    await terminal.until(() => typed.length > before, `the key ${JSON.stringify(key)}`);
  }
  terminal.press('\u001b');
  await terminal.until(
    () =>
      typed.at(-1) !== undefined &&
      'key' in (typed.at(-1) as object) &&
      (typed.at(-1) as { key: string }).key === 'esc',
    'Esc',
  );
  expect(typed.map((each) => ('key' in each ? each.key : each.text))).toEqual([
    'j',
    'G',
    'down',
    'pgup',
    'enter',
    'tab',
    'shift-tab',
    'space',
    'ctrl-d',
    'backspace',
    '/srv/a',
    'esc',
  ]);
});

test('the screen that was there is put back, with its cursor', async () => {
  await open(80, 24);
  expect(terminal.output.emulator.buffer.active.type).toBe('alternate');
  await terminal.close();
  expect(terminal.output.emulator.buffer.active.type).toBe('normal');
  expect(terminal.output.written.endsWith('\u001b[?25h') || terminal.output.written.includes('\u001b[?1049l')).toBe(
    true,
  );
  expect(terminal.input.isRaw).toBe(false);
});
