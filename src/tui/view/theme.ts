/** How roles look: the 16 colours of the terminal, which its owner has chosen; without colours only bold and inverse. */
import type { Line, Role } from './line.ts';

export type Paint = (lines: readonly Line[]) => string;

const reset = '\u001b[0m';

const coloured: Readonly<Record<Role, string>> = {
  title: '1',
  text: '',
  muted: '2',
  accent: '36',
  ok: '32',
  warn: '33',
  error: '1;31',
  selected: '7',
};

const uncoloured: Readonly<Record<Role, string>> = {
  title: '1',
  text: '',
  muted: '',
  accent: '',
  ok: '',
  warn: '',
  error: '1',
  selected: '7',
};

/** Turns lines into what the terminal is sent. */
export function painter(colours: boolean): Paint {
  const codes = colours ? coloured : uncoloured;
  return (lines) => lines.map((line) => paintLine(line, codes)).join('\n');
}

/** What cannot be seen is not sent, for the line may be slow: blanks at the end, and how blanks look. */
function paintLine(line: Line, codes: Readonly<Record<Role, string>>): string {
  let painted = '';
  let blanks = '';
  for (const { text, role } of line) {
    const shown = role === 'selected' ? text : text.trim();
    if (shown === '') {
      blanks += text;
      continue;
    }
    const at = text.indexOf(shown);
    const code = codes[role];
    const look = code === '' ? shown : `\u001b[${code}m${shown}${reset}`;
    painted += blanks + text.slice(0, at) + look;
    blanks = text.slice(at + shown.length);
  }
  return painted;
}

/** Whether the environment wants colours (https://no-color.org). */
export function wantsColours(env: NodeJS.ProcessEnv): boolean {
  return !env.NO_COLOR && env.TERM !== 'dumb';
}
