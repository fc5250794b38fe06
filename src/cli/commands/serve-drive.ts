import type { Command } from 'commander';
import { perform } from '../action.ts';
import { exitCodes } from '../exit-codes.ts';
import { text } from '../option-values.ts';

/** Not for people: what `attach` starts in the background. */
export function addServeDrive(program: Command): void {
  const command = program
    .command('serve-drive', { hidden: true })
    .argument('<point>')
    .option('--overlay <file>', 'the file that writes go to', text);
  perform<{ readonly overlay?: string }, [string]>(command, async (session, { overlay = null }, spec) => {
    const { driveJob } = await import('../../jobs/drive.ts');
    await driveJob(session.access(), { spec, overlay }, session.job());
    return exitCodes.done;
  });
}
