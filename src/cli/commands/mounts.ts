import type { Command } from 'commander';
import type { MountedThing } from '../../jobs/mounts.ts';
import { perform } from '../action.ts';
import { exitCodes } from '../exit-codes.ts';
import { table } from '../table.ts';
import { formatTime } from '../units.ts';

export function addMounts(program: Command): void {
  const command = program
    .command('mounts')
    .summary('list mounts, drives and NBD exports')
    .description(
      'Lists mounts, attached drives and exports over NBD on this machine, with those that a dead process left (doctor ' +
        '--fix clears them).',
    );
  perform<object, []>(command, async (session) => {
    const { mountsJob } = await import('../../jobs/mounts.ts');
    const found = await mountsJob(session.listen);
    session.answer(found, () => (found.length === 0 ? ['nothing is mounted'] : describe(found)));
    return exitCodes.done;
  });
}

function describe(found: readonly MountedThing[]): string[] {
  return table<MountedThing>(
    [
      { title: 'id', of: ({ id }) => id },
      { title: 'kind', of: ({ kind }) => kind },
      { title: 'state', of: ({ state }) => state },
      { title: 'since', of: ({ since }) => formatTime(since) },
      { title: 'shows', of: ({ point, repository }) => point?.slice(0, 8) ?? `all points of ${repository}` },
      { title: 'served as', of: ({ uri, devices }) => uri ?? devices.join(' ') },
      { title: 'mounted at', of: ({ directories }) => directories.join(' ') },
      { title: 'overlay', of: ({ overlay }) => overlay ?? '' },
    ],
    found,
  );
}
