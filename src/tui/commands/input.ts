/** Keys by their names, as the table of commands has them. */
import type { Key } from 'ink';

/** What was typed: a key, or for several characters at once (a paste, a slow line) the text. */
export type Typed = { readonly key: string } | { readonly text: string };

const named: readonly (readonly [keyof Key, string])[] = [
  ['upArrow', 'up'],
  ['downArrow', 'down'],
  ['leftArrow', 'left'],
  ['rightArrow', 'right'],
  ['pageDown', 'pgdn'],
  ['pageUp', 'pgup'],
  ['home', 'home'],
  ['end', 'end'],
  ['return', 'enter'],
  ['escape', 'esc'],
  ['backspace', 'backspace'],
  ['delete', 'delete'],
];

/** What was typed. A slow line brings several keys at once, which the terminal's library takes for one text. */
export function typedIn(input: string, key: Key): readonly Typed[] {
  for (const [flag, name] of named) if (key[flag]) return [{ key: name }];
  if (key.tab) return [{ key: key.shift ? 'shift-tab' : 'tab' }];
  if (key.ctrl) return input === '' ? [] : [{ key: `ctrl-${input}` }];
  return key.meta ? [] : [...input.matchAll(/\p{Cc}|[^\p{Cc}]+/gu)].map(([part]) => typedPart(part));
}

const controls: Readonly<Record<string, string>> = {
  '\r': 'enter',
  '\n': 'enter',
  '\t': 'tab',
  '\u001b': 'esc',
  '\b': 'backspace',
  '\u007f': 'backspace',
};

function typedPart(part: string): Typed {
  if (part === ' ') return { key: 'space' };
  const code = part.charCodeAt(0);
  if (code >= 32 && code !== 127) return [...part].length === 1 ? { key: part } : { text: part };
  return { key: controls[part] ?? `ctrl-${String.fromCharCode(code + 96)}` };
}

/** The character that a key types; empty for one that types none. */
export function typedBy(key: string): string {
  if (key === 'space') return ' ';
  return [...key].length === 1 ? key : '';
}
