/** The signs that are no letters, once for terminals that show all of Unicode and once for those that do not. */

export interface Glyphs {
  /** Whether letters beyond ASCII can be shown. */
  readonly isUnicode: boolean;
  /** Where a text was cut. */
  readonly cut: string;
  readonly cursor: string;
  readonly marked: string;
  /** Made in one run with what is chosen. */
  readonly together: string;
  readonly rule: string;
  readonly side: string;
  readonly bar: readonly [done: string, left: string];
  /** From nothing to most. */
  readonly levels: string;
  readonly branch: readonly [middle: string, last: string];
  /** Of cells by age, the newest first; the last are zeros. */
  readonly ages: readonly [newest: string, new: string, old: string, oldest: string, zeros: string];
  readonly box: {
    readonly top: readonly [string, string];
    readonly bottom: readonly [string, string];
    readonly flat: string;
    readonly side: string;
  };
  readonly chosen: readonly [yes: string, no: string];
  readonly ticked: readonly [yes: string, no: string];
}

const unicode: Glyphs = {
  isUnicode: true,
  cut: '…',
  cursor: '>',
  marked: '*',
  together: '+',
  rule: '─',
  side: '│',
  bar: ['█', '░'],
  levels: ' ▁▂▃▄▅▆▇█',
  branch: ['├─', '└─'],
  ages: ['█', '▓', '▒', '░', '·'],
  box: { top: ['┌', '┐'], bottom: ['└', '┘'], flat: '─', side: '│' },
  chosen: ['(•)', '( )'],
  ticked: ['[x]', '[ ]'],
};

const ascii: Glyphs = {
  isUnicode: false,
  cut: '~',
  cursor: '>',
  marked: '*',
  together: '+',
  rule: '-',
  side: '|',
  bar: ['#', '-'],
  levels: ' .:-=+*#@',
  branch: ['|-', '`-'],
  ages: ['#', '=', '-', ':', '.'],
  box: { top: ['+', '+'], bottom: ['+', '+'], flat: '-', side: '|' },
  chosen: ['(*)', '( )'],
  ticked: ['[x]', '[ ]'],
};

/** `plain` is for screen readers, which would read every sign of a drawing aloud. */
export const glyphsNamed = {
  unicode,
  ascii,
  plain: { ...ascii, isUnicode: true, side: ' ', branch: ['  ', '  '] },
} as const satisfies Record<string, Glyphs>;

/** What the locale can show. */
export function glyphsFor(env: NodeJS.ProcessEnv): Glyphs {
  return isUnicode(env) ? unicode : ascii;
}

function isUnicode(env: NodeJS.ProcessEnv): boolean {
  return /utf-?8/i.test(env.LC_ALL || env.LC_CTYPE || env.LANG || '');
}

/** A bar of `width` columns, `part` of it (0 … 1) done. */
export function bar(glyphs: Glyphs, part: number, width: number): string {
  const done = Math.floor(Math.min(1, Math.max(0, part)) * width);
  return glyphs.bar[0].repeat(done) + glyphs.bar[1].repeat(width - done);
}

/** One sign for each value, as high as it is beside the largest; something is never shown as nothing. */
export function sparkline(glyphs: Glyphs, values: readonly number[]): string {
  const most = Math.max(...values, 1);
  const levels = glyphs.levels.length - 1;
  return values
    .map((value) => glyphs.levels[value > 0 ? Math.max(1, Math.round((value / most) * levels)) : 0])
    .join('');
}
