import type { Command } from 'commander';
import { perform } from '../action.ts';
import { exitCodes } from '../exit-codes.ts';
import { fields } from '../table.ts';

interface UmountOptions {
  readonly force?: true;
}

export function addUmount(program: Command): void {
  const command = program
    .command('umount')
    .summary('unmount what mount mounted')
    .description('Unmounts, and returns when the process that served it has ended. What uses it is named.')
    .argument('<dir>', 'where it is mounted')
    .option('--force', 'unmount at once, also when it hangs; those who read from it get an error');
  perform<UmountOptions, [string]>(command, async (session, options, directory) => {
    const { umountJob } = await import('../../jobs/umount.ts');
    const result = await umountJob(directory, options.force === true);
    session.answer(result, () => fields([['unmounted', result.directory]]));
    return exitCodes.done;
  });
}
