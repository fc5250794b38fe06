import type { Command } from 'commander';
import type { KeyInfo } from '../../jobs/keys.ts';
import { perform } from '../action.ts';
import { exitCodes } from '../exit-codes.ts';
import { text } from '../option-values.ts';
import { newPassphrase } from '../passphrase.ts';
import { table } from '../table.ts';
import { formatTime } from '../units.ts';

interface DryRun {
  readonly dryRun?: true;
}

interface NewKeyOptions extends DryRun {
  readonly newPasswordFile?: string;
}

interface AddKeyOptions extends NewKeyOptions {
  readonly label: string;
}

const source = `
The new passphrase is read from --new-password-file, STRATA_NEW_PASSWORD or STRATA_NEW_PASSWORD_FILE, or asked for.`;

export function addKey(program: Command): void {
  const key = program
    .command('key')
    .summary('passphrases of the repository')
    .description('Any one of its passphrases opens the repository. Changing them rewrites nothing that is stored.')
    .addHelpText(
      'after',
      `
Examples:
  $ strata key add --label office --new-password-file office.pass
  $ strata key list
  $ strata key remove 9845`,
    );
  addList(key);
  addAdd(key);
  addRemove(key);
  addPasswd(key);
}

function addList(key: Command): void {
  const command = key.command('list').summary('list the keys').description('Lists the keys, a passphrase each.');
  perform<object, []>(command, async (session) => {
    const { listKeysJob } = await import('../../jobs/keys.ts');
    const keys = await listKeysJob(session.access());
    session.answer(keys, () =>
      table(
        [
          { title: 'key', of: ({ id }) => id },
          { title: 'created', of: ({ created }) => formatTime(created) },
          { title: 'label', of: ({ label }) => label },
          { title: 'opened this', of: ({ current }) => (current ? 'yes' : '') },
        ],
        keys,
      ),
    );
    return exitCodes.done;
  });
}

function addAdd(key: Command): void {
  const command = newKeyOptions(key.command('add'))
    .summary('add a passphrase')
    .description('Adds a passphrase beside those that there are.')
    .option('--label <text>', 'a name for it', text, '')
    .addHelpText('after', source);
  perform<AddKeyOptions, []>(command, async (session, options) => {
    const { addKeyJob } = await import('../../jobs/keys.ts');
    const passphrase = () => newPassphrase(options.newPasswordFile);
    const dryRun = options.dryRun === true;
    const added = await addKeyJob(session.access(), { passphrase, label: options.label, dryRun });
    session.answer(added, () => [done(added, 'added', 'a key would be added')]);
    return exitCodes.done;
  });
}

function addRemove(key: Command): void {
  const command = key
    .command('remove')
    .summary('remove a passphrase')
    .description('Removes a passphrase. The last one stays.')
    .argument('<key>', 'id of the key, or a unique beginning of it')
    .option('--dry-run', 'say what would go, and remove nothing');
  perform<DryRun, [string]>(command, async (session, options, id) => {
    const { removeKeyJob } = await import('../../jobs/keys.ts');
    const removed = await removeKeyJob(session.access(), { id, dryRun: options.dryRun === true });
    session.answer(removed, () => [done(removed, 'removed', `key ${removed.key?.id} would be removed`)]);
    return exitCodes.done;
  });
}

function addPasswd(key: Command): void {
  const command = newKeyOptions(key.command('passwd'))
    .summary('change the passphrase')
    .description('Replaces the passphrase that opened the repository by another.')
    .addHelpText('after', source);
  perform<NewKeyOptions, []>(command, async (session, options) => {
    const { changePassphraseJob } = await import('../../jobs/keys.ts');
    const passphrase = () => newPassphrase(options.newPasswordFile);
    const changed = await changePassphraseJob(session.access(), { passphrase, dryRun: options.dryRun === true });
    session.answer(changed, () => [done(changed, 'is the new one', 'the passphrase would be changed')]);
    return exitCodes.done;
  });
}

function newKeyOptions(command: Command): Command {
  return command
    .option('--new-password-file <file>', 'file with the new passphrase', text)
    .option('--dry-run', 'check that it could be done, and write nothing');
}

function done(change: { readonly dryRun: boolean; readonly key: KeyInfo | null }, verb: string, dry: string): string {
  return change.dryRun || change.key === null ? dry : `key ${change.key.id} ${verb}`;
}
