/** Joins a command's work to commander: opens its session, runs it, sets the exit code. */
import type { Command } from 'commander';
import { exitCodes } from './exit-codes.ts';
import { type GlobalOptions, Session } from './session.ts';

/** Does what the command is for, and answers with its exit code; warnings make `done` to `warnings`. */
export type Work<Options, Operands extends readonly unknown[]> = (
  session: Session,
  options: Options,
  ...operands: Operands
) => Promise<number>;

/** Makes `work` what `command` does. */
export function perform<Options, Operands extends readonly unknown[]>(
  command: Command,
  work: Work<Options, Operands>,
): void {
  command.action(async () => {
    const session = await Session.open(command.optsWithGlobals<GlobalOptions>(), command.name());
    try {
      const code = await work(session, command.opts() as Options, ...(command.processedArgs as unknown as Operands));
      process.exitCode = code === exitCodes.done && session.warned ? exitCodes.warnings : code;
    } finally {
      session.close();
    }
  });
}
