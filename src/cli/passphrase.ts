/** Where passphrases come from: a file, the environment, a prompt on a terminal. Never an argument, which others can see. */
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { isatty } from 'node:tty';
import { fail, reasonOf } from '../errors.ts';

/** The passphrase that opens the repository; `signal` takes the question back. */
export async function openingPassphrase(file: string | undefined, signal?: AbortSignal): Promise<string> {
  const given = await readGiven(file, '--password-file', 'STRATA_PASSWORD');
  if (given !== undefined) return given;
  if (!canAsk()) throw fail('PASSPHRASE_NEEDED', {});
  return ask('Passphrase of the repository', signal);
}

/** Whether a passphrase was given, so that none would be asked for. */
export function isPassphraseGiven(file: string | undefined): boolean {
  return file !== undefined || Boolean(process.env.STRATA_PASSWORD || process.env.STRATA_PASSWORD_FILE);
}

/** The first passphrase of a new repository: from where later ones come too, but asked for twice. */
export async function firstPassphrase(file: string | undefined): Promise<string> {
  const given = await readGiven(file, '--password-file', 'STRATA_PASSWORD');
  if (given !== undefined) return given;
  if (!canAsk()) throw fail('PASSPHRASE_NEEDED', {});
  return askTwice('Passphrase of the new repository');
}

/** A passphrase to be added beside, or in place of, the one that opens the repository. */
export async function newPassphrase(file: string | undefined): Promise<string> {
  const given = await readGiven(file, '--new-password-file', 'STRATA_NEW_PASSWORD');
  if (given !== undefined) return given;
  if (!canAsk()) {
    throw fail('USAGE', { problem: 'no new passphrase was given; use --new-password-file or STRATA_NEW_PASSWORD' });
  }
  return askTwice('New passphrase');
}

async function readGiven(file: string | undefined, option: string, variable: string): Promise<string | undefined> {
  if (file !== undefined) return readFirst(file, option);
  const direct = process.env[variable];
  if (direct) return direct;
  const named = process.env[`${variable}_FILE`];
  return named ? readFirst(named, `${variable}_FILE`) : undefined;
}

/** The file without its last line break. */
async function readFirst(path: string, origin: string): Promise<string> {
  try {
    // Standard input may be a socket, which cannot be opened anew by its path.
    const text = path === '/dev/stdin' ? readFileSync(0, 'utf8') : await readFile(path, 'utf8');
    return text.replace(/\r?\n$/, '');
  } catch (error) {
    throw fail('USAGE', { problem: `${origin}: cannot read ${path}: ${reasonOf(error)}` }, { cause: error });
  }
}

/** Asked of the descriptor: looking at process.stdin would make a pipe that is the source non-blocking. */
function canAsk(): boolean {
  return isatty(0) && isatty(2);
}

async function askTwice(message: string): Promise<string> {
  const passphrase = await ask(message);
  if ((await ask('The same again')) === passphrase) return passphrase;
  throw fail('USAGE', { problem: 'the two passphrases are not the same' });
}

async function ask(message: string, signal?: AbortSignal): Promise<string> {
  const { password } = await import('@inquirer/prompts');
  try {
    return await password({ message, mask: false }, { output: process.stderr, ...(signal && { signal }) });
  } catch (error) {
    if (!['ExitPromptError', 'AbortPromptError'].includes((error as Error).name)) throw error;
    throw fail('INTERRUPTED', { action: 'asking for the passphrase' }, { cause: error });
  }
}
