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

function paintLine(line: Line, codes: Readonly<Record<Role, string>>): string {
  let painted = '';
  for (const { text, role } of line) {
    const code = codes[role];
    painted += code === '' || text === '' ? text : `\u001b[${code}m${text}${reset}`;
  }
  return painted;
}

/** Whether the environment wants colours (https://no-color.org). */
export function wantsColours(env: NodeJS.ProcessEnv): boolean {
  return !env.NO_COLOR && env.TERM !== 'dumb';
}
