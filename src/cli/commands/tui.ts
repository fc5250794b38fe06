import type { Command } from 'commander';
import { fail } from '../../errors.ts';
import { perform } from '../action.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Session } from '../session.ts';

interface TuiOptions {
  readonly plain?: true;
}

export function addTui(program: Command): void {
  const command = program
    .command('tui')
    .summary('browse, mount and restore on a full screen')
    .description(
      'Opens the terminal UI: restore points, what is in them, mounts, restores, consolidation, jobs. `strata` without a ' +
        'command does the same on a terminal. ? shows the keys.',
    )
    .option('--plain', 'one line after the other, for screen readers')
    .addHelpText(
      'after',
      `
Examples:
  $ strata tui --repo /srv/backups
  $ NO_COLOR=1 strata tui --plain`,
    );
  perform<TuiOptions, []>(command, async (session, options) => {
    if (!isTerminal())
      throw fail('USAGE', { problem: 'the terminal UI needs a terminal; strata --help lists commands that do not' });
    await open(session, options.plain === true || process.env.INK_SCREEN_READER === 'true');
    return exitCodes.done;
  });
}

/** Where `strata` without a command opens the UI. */
export function isTerminal(): boolean {
  return process.stdin.isTTY === true && process.stdout.isTTY === true;
}

async function open(session: Session, plain: boolean): Promise<void> {
  const { openTui } = await import('../../tui/open.ts');
  const { passphrase, passphraseGiven } = session.passphrase();
  const place = session.hasRepository ? session.access() : null;
  await openTui({
    place: place && { location: place.location, storage: place.storage, passphraseGiven },
    passphrase,
    plain,
  });
}
