/** Words of systemd's unit files (systemd.syntax(7), systemd.service(5)): quoted, so that each comes out as it went in. */
import { fail } from '../../errors.ts';

/** A word of a setting that takes several, such as Environment=. `%` begins a specifier of systemd. */
export function quotedWord(text: string): string {
  const inside = text
    .replaceAll('%', '%%')
    .replace(/["\\]/g, '\\$&')
    .replace(/\p{Cc}/gu, (character) => `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`);
  return `"${inside}"`;
}

/**
 * A command line. In its arguments `$` begins a variable; in its first word, which names the program, it does not, and
 * systemd refuses quotes and backslashes there: LAUNCHER_UNSUITABLE.
 */
export function commandLine([program = '', ...words]: readonly string[]): string {
  if (/["'\\\p{Cc}]/u.test(program)) {
    throw fail('LAUNCHER_UNSUITABLE', { path: program, reason: 'it takes no such character in the path of a program' });
  }
  return [quotedWord(program), ...words.map((word) => quotedWord(word).replaceAll('$', '$$$$'))].join(' ');
}
