import type { Command } from 'commander';
import { perform } from '../action.ts';
import { exitCodes } from '../exit-codes.ts';

/** Not for people: the process that works for the terminal UI. */
export function addServeTui(program: Command): void {
  perform<object, []>(program.command('serve-tui', { hidden: true }), async () => {
    const { serveEngine } = await import('../../tui/engine/host.ts');
    await serveEngine();
    return exitCodes.done;
  });
}
