/** Several names on one line, as a shell takes them: blanks part them, quotes and backslashes hold them together, `~` is home. */
import { homedir } from 'node:os';

/** The names; null when a quote is not closed. */
export function wordsIn(line: string): readonly string[] | null {
  const words: string[] = [];
  let word: string | null = null;
  let quote = '';
  for (let at = 0; at < line.length; at++) {
    const sign = line[at] ?? '';
    if (quote !== '') {
      if (sign === quote) quote = '';
      else word = `${word ?? ''}${sign}`;
    } else if (sign === "'" || sign === '"') {
      quote = sign;
      word ??= '';
    } else if (/\s/.test(sign)) {
      if (word !== null) words.push(word);
      word = null;
    } else {
      const isEscape = sign === '\\' && at + 1 < line.length;
      word = `${word ?? ''}${isEscape ? line[++at] : sign}`;
    }
  }
  if (quote !== '') return null;
  return word === null ? words : [...words, word];
}

/** What was written as a shell would take it: `~` is the home of whoever runs this. */
export function atHome(path: string): string {
  return path.trim().replace(/^~(?=\/|$)/, homedir());
}

/** A name as it stands on such a line. */
export function asWord(name: string): string {
  return /^[^\s'"\\]+$/.test(name) ? name : `'${name.replaceAll("'", `'\\''`)}'`;
}
