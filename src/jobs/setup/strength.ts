/**
 * How good a passphrase is, as zxcvbn estimates: how many guesses somebody needs who knows common words, dates, keyboards
 * and the passwords that others use. A single rare word is judged too well: no dictionary of a language is asked. Whoever steals a repository can guess without being slowed down by anything but
 * scrypt; 10,000 guesses a second are what some dozens of machines try.
 */

export interface Strength {
  /** Weak is found within hours, good not within months. */
  readonly grade: 'weak' | 'fair' | 'good';
  /** How long guessing takes: `about 3 hours`, `centuries`. */
  readonly time: string;
}

const guessesPerSecond = 10_000;
/** More takes long to look at, and is strong unless it repeats itself. */
const longest = 100;
const fair = 1e8;
const good = 1e11;

const units = [
  ['year', 31_557_600],
  ['month', 2_629_800],
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
] as const;

/** Judges a passphrase; `known` are words that a guesser would try first, such as the name of the machine. */
export async function judgePassphrase(passphrase: string, known: readonly string[] = []): Promise<Strength> {
  const [{ ZxcvbnFactory }, { adjacencyGraphs, dictionary }] = await Promise.all([
    import('@zxcvbn-ts/core'),
    import('@zxcvbn-ts/language-common'),
  ]);
  const judge = new ZxcvbnFactory({ dictionary, graphs: adjacencyGraphs });
  const { guesses } = judge.check(passphrase.slice(0, longest), ['strata', 'backup', ...known]);
  const grade = guesses < fair ? 'weak' : guesses < good ? 'fair' : 'good';
  return { grade, time: wordsFor(guesses / guessesPerSecond) };
}

/** A length of time in one word that is about right. */
export function wordsFor(seconds: number): string {
  if (seconds >= 100 * units[0][1]) return 'centuries';
  for (const [unit, length] of units) {
    const count = Math.round(seconds / length);
    if (seconds >= length) return `about ${count} ${unit}${count === 1 ? '' : 's'}`;
  }
  return 'less than a minute';
}
