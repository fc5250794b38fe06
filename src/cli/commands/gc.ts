import type { Command } from 'commander';
import type { CollectionResult, Tally } from '../../jobs/collect.ts';
import { perform } from '../action.ts';
import { exitCodes } from '../exit-codes.ts';
import { percent, span } from '../option-values.ts';
import { fields } from '../table.ts';
import { formatDuration, formatSize, formatTime } from '../units.ts';

interface GcOptions {
  readonly grace: number;
  readonly maxUnused?: number;
  readonly dryRun?: true;
}

const day = 86_400_000;

export function addGc(program: Command): void {
  const command = program
    .command('gc')
    .summary('free what no point needs')
    .description(
      'Collects garbage: what no restore point needs any more goes into the trash, and is removed once the grace has ' +
        'passed and nobody who was at work then is at work still. Backups, mounts and restores go on meanwhile. Until it ' +
        'is removed a forgotten point can be brought back with undelete.',
    )
    .option('--grace <time>', 'how long the trash is kept, such as 24h or 7d; 0 frees at once', span, day)
    .option('--max-unused <percent>', 'rewrite sparse packs until no more than so much of all packs is unused', percent)
    .option('--dry-run', 'say what would be freed, and free nothing')
    .addHelpText(
      'after',
      `
Examples:
  $ strata gc --dry-run
  $ strata gc --grace 7d --max-unused 10`,
    );
  perform<GcOptions, []>(command, async (session, options) => {
    const { collectJob } = await import('../../jobs/collect.ts');
    const { grace, maxUnused, dryRun = false } = options;
    const request = { grace, maxUnused: maxUnused === undefined ? null : maxUnused / 100, dryRun };
    session.conclude(describe(await collectJob(session.access(), request, session.job())));
    return exitCodes.done;
  });
}

function describe(result: CollectionResult): string[] {
  const { kept, trashed, freed, waiting, waitingFor, locked, locksRenewed, rewritten } = result;
  const would = result.dryRun ? 'would be ' : '';
  const holders = waitingFor.length > 0 ? `; ${waitingFor.length} at work could still use some of it` : '';
  return fields([
    ['kept', `${kept.packs} packs, ${formatSize(kept.bytes)}, of which about ${formatSize(kept.unused)} is not needed`],
    ['trashed', `${would}${count(trashed)}`],
    ['freed', `${would}${count(freed)}`],
    ['waiting', `${count(waiting)}${holders}`],
    ...(locked.until === null
      ? []
      : [['locked', `${count(locked)} of that, until ${formatTime(locked.until)}`] as const]),
    ...(locksRenewed === 0 ? [] : [['renewed', `the locks of ${locksRenewed} objects that are needed`] as const]),
    ...(rewritten.packs > 0
      ? [
          [
            'rewritten',
            `${rewritten.packs} sparse packs, ${formatSize(rewritten.bytesCloned)} shared and ${formatSize(rewritten.bytesCopied)} copied`,
          ] as const,
        ]
      : []),
    ['took', formatDuration(result.seconds)],
  ]);
}

function count({ points, maps, packs, bytes }: Tally): string {
  return `${points} points, ${maps} map columns, ${packs} packs, ${formatSize(bytes)}`;
}
