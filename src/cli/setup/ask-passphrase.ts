/** The passphrase, and the file in which jobs find it. */
import { stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { fail } from '../../errors.ts';
import { readPassphrase } from '../../jobs/schedule/saved-access.ts';
import { textOf } from '../../jobs/setup/files.ts';
import { type ExaminedPlace, requireOpening } from '../../jobs/setup/place.ts';
import { judgePassphrase } from '../../jobs/setup/strength.ts';
import type { Asker } from './asker.ts';

export interface ChosenPassphrase {
  readonly passphrase: string;
  readonly file: string;
  /** Whether the file is yet to be written. */
  readonly write: boolean;
}

export interface PassphraseContext {
  readonly asker: Asker;
  readonly place: ExaminedPlace;
  /** The file that the line or the environment names. */
  readonly named: string | undefined;
  readonly usualFile: string;
  readonly warn: (message: string) => void;
}

/** What unlocks the repository; one that is there must be opened by it. */
export async function askPassphrase(context: PassphraseContext): Promise<ChosenPassphrase> {
  const { named, usualFile, warn } = context;
  const file = resolve(named ?? usualFile);
  await requirePlainFile(file);
  const kept = await textOf(file);
  // A file that nobody named is a repository's that was set up before; it counts if it opens this one.
  if (kept !== null && (named !== undefined || (await opens(context, file)))) {
    const passphrase = await readPassphrase(file);
    await requireFit(context, passphrase);
    if (((await stat(file)).mode & 0o077) !== 0)
      warn(`others can read ${file}; take that from them by: chmod 600 ${file}`);
    return { passphrase, file, write: false };
  }
  const passphrase = await choosePassphrase(context);
  return { passphrase, ...(await chooseFile(context, file, kept !== null)) };
}

/** Jobs read it at each run: what can be read but once, such as standard input, is none. */
async function requirePlainFile(file: string): Promise<void> {
  const found = await stat(file).catch(() => null);
  if (found === null || found.isFile()) return;
  throw fail('USAGE', { problem: `${file} is no file in which jobs could find the passphrase` });
}

/** The note that nobody should be without. */
export function passphraseNote(file: string): string[] {
  return [
    'Without the passphrase nobody can read the backups, and nobody can recover it.',
    `It will lie in ${file}, on this machine, which the backups are for:`,
    'keep it somewhere else as well, on paper or in a password manager.',
  ];
}

async function choosePassphrase(context: PassphraseContext): Promise<string> {
  const { asker, place } = context;
  const given = process.env.STRATA_PASSWORD || undefined;
  if (given !== undefined) await requireFit(context, given);
  return asker.answer({
    option: '--password-file with a file that holds the passphrase (or STRATA_PASSWORD, or --no-encryption)',
    given,
    fallback: undefined,
    ask: () =>
      place.existing === null
        ? askNew(asker)
        : asker.untilTaken(
            () => asker.secret('Passphrase of the repository:'),
            async (typed) => {
              await requireOpening(place, typed);
              return typed;
            },
          ),
  });
}

async function askNew(asker: Asker): Promise<string> {
  for (;;) {
    const passphrase = await asker.secret('Passphrase of the new repository:');
    if (passphrase === '') {
      asker.say('  it is empty; five or six words that have nothing to do with each other are good');
      continue;
    }
    const { grade, time } = await judge(passphrase);
    asker.say(`  ${grade}: guessing it takes ${time}`);
    if (grade === 'weak' && !(await asker.confirm('Use it all the same?', false))) continue;
    if ((await asker.secret('The same again:')) === passphrase) return passphrase;
    asker.say('  the two are not the same');
  }
}

function judge(passphrase: string) {
  return judgePassphrase(passphrase, [hostname()]);
}

/** Of a new repository it must be one at all, and a weak one is said to be; one that is there must be opened by it. */
async function requireFit({ place, warn }: PassphraseContext, passphrase: string): Promise<void> {
  if (passphrase === '') throw fail('PASSPHRASE_EMPTY', {});
  if (place.existing !== null) return requireOpening(place, passphrase);
  const { grade, time } = await judge(passphrase);
  if (grade === 'weak') warn(`the passphrase is weak: for who steals the repository, guessing it takes ${time}`);
}

async function opens({ place }: PassphraseContext, file: string): Promise<boolean> {
  if (place.existing === null) return false;
  return readPassphrase(file)
    .then((passphrase) => requireOpening(place, passphrase))
    .then(
      () => true,
      () => false,
    );
}

async function chooseFile(
  { asker, named }: PassphraseContext,
  usual: string,
  isTaken: boolean,
): Promise<Pick<ChosenPassphrase, 'file' | 'write'>> {
  const file = await asker.answer({
    option: `--password-file with a file that is yet to be written (${usual} is another repository's)`,
    given: named,
    fallback: isTaken ? undefined : usual,
    ask: () =>
      asker.untilTaken(
        () => asker.text('File to keep it in, for the jobs:', isTaken ? {} : { fallback: usual }),
        async (path) => {
          if (!path.startsWith('/')) throw fail('USAGE', { problem: 'it takes a whole path' });
          if ((await textOf(path)) === null) return path;
          throw fail('USAGE', { problem: `${path} is there already, with something else` });
        },
      ),
  });
  return { file: resolve(file), write: true };
}
