/**
 * The same screens as plain lines, for screen readers: after each key that changed something the screen is written once more,
 * without blank lines, drawings of lines, or a cursor that jumps. Keys are the same; a line of the list is announced alone.
 */
import { emitKeypressEvents, type Key } from 'node:readline';
import { press } from './control/keys.ts';
import type { Ui } from './control/ui.ts';
import { frame } from './screens/frame.ts';
import type { State } from './state/state.ts';
import type { Store } from './state/store.ts';
import { glyphsNamed } from './view/glyphs.ts';
import { textOf } from './view/line.ts';

/** Milliseconds in which changes are gathered. */
const pause = 150;

/** Writes the screen whenever it changed, until `onStop`'s function is called. */
export async function showPlain(ui: Ui, store: Store, onStop: (stop: () => void) => void): Promise<void> {
  const { stdin, stdout } = process;
  let last: readonly string[] = [];
  let timer: NodeJS.Timeout | undefined;
  const write = () => {
    timer = undefined;
    const lines = plainLines(store.get());
    const fresh = lines.filter((text) => !last.includes(text));
    last = lines;
    if (fresh.length > 0) stdout.write(`${fresh.join('\n')}\n`);
  };
  const stopped = Promise.withResolvers<void>();
  onStop(() => stopped.resolve());
  const unsubscribe = store.subscribe(() => {
    timer ??= setTimeout(write, pause);
  });
  const hear = (text: string | undefined, key: Key) => {
    const typed = keyOf(text, key);
    if (typed !== null) press(ui, { key: typed });
  };
  emitKeypressEvents(stdin);
  stdin.setRawMode(true);
  stdin.on('keypress', hear).resume();
  const resize = () => ui.dispatch({ type: 'resized', columns: Math.max(60, stdout.columns), rows: 24 });
  resize();
  try {
    await stopped.promise;
  } finally {
    unsubscribe();
    clearTimeout(timer);
    stdin.off('keypress', hear).pause();
    stdin.setRawMode(false);
  }
}

/** The screen without what is only drawn, and without the clock, which changes all the time. */
export function plainLines(state: State): string[] {
  const text = textOf(frame({ ...state, now: state.now - (state.now % 60_000) }, glyphsNamed.plain));
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !/^[-|+\s]+$/.test(line));
}

const named: Readonly<Record<string, string>> = {
  return: 'enter',
  enter: 'enter',
  escape: 'esc',
  pageup: 'pgup',
  pagedown: 'pgdn',
};

function keyOf(text: string | undefined, { name = '', ctrl, shift }: Key): string | null {
  if (ctrl) return `ctrl-${name}`;
  if (name === 'tab') return shift ? 'shift-tab' : 'tab';
  if (['up', 'down', 'left', 'right', 'home', 'end', 'backspace', 'delete', 'space'].includes(name)) return name;
  return named[name] ?? (text === undefined || text === '' ? null : text === ' ' ? 'space' : text);
}
