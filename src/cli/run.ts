/** Runs one command line, and says what went wrong with it. The exit code is that of the process. */
import { inspect } from 'node:util';
import { CommanderError } from 'commander';
import { fail } from '../errors.ts';
import { failureEvent } from '../jobs/job.ts';
import { isTerminal } from './commands/tui.ts';
import { exitCodes } from './exit-codes.ts';
import { complain, ignoreClosedPipes, print, printEvent } from './output.ts';
import { buildProgram } from './program.ts';

export async function run(words: readonly string[]): Promise<void> {
  ignoreClosedPipes();
  try {
    const line = isTerminal() && namesNoCommand(words) ? [...words, 'tui'] : words;
    await buildProgram().parseAsync(line, { from: 'user' });
  } catch (error) {
    process.exitCode = exitCodeOf(error, words);
  }
}

/** Whether a line is nothing but options for all commands. */
export function namesNoCommand(words: readonly string[]): boolean {
  if (words.length === 0) return true;
  const { operands, unknown } = buildProgram().parseOptions([...words]);
  return operands.length === 0 && unknown.length === 0;
}

function exitCodeOf(error: unknown, words: readonly string[]): number {
  if (!(error instanceof CommanderError)) return report(error, words);
  if (error.exitCode === 0) return exitCodes.done; // help or the version were asked for
  if (error.code === 'commander.help') return exitCodes.usage; // and printed, as no command was named
  return report(usage(error), words);
}

function report(error: unknown, words: readonly string[]): number {
  const failure = failureEvent(error);
  // Read off the words, since the line itself may be what could not be parsed.
  if (words.includes('--json')) printEvent(failure);
  complain('error', failure.message, failure.hint);
  if (words.includes('-v') || words.includes('--verbose')) print(process.stderr, [inspect(error)]);
  return failure.exitCode;
}

/** Commander's "error: unknown option '--x'\n(Did you mean --y?)" as a failure of ours, on one line. */
function usage(error: CommanderError): Error {
  const problem = error.message.replace(/^error: /, '').replaceAll('\n', ' ');
  return fail('USAGE', { problem }, { cause: error });
}
