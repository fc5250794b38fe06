import { type Command, Option } from 'commander';
import { fail } from '../../errors.ts';
import type { SynthesisMode, SynthesisResult } from '../../jobs/synthesize.ts';
import { perform } from '../action.ts';
import { diskOf } from '../disk-name.ts';
import { exitCodes } from '../exit-codes.ts';
import { text } from '../option-values.ts';
import { fields } from '../table.ts';
import { formatDuration, formatSize } from '../units.ts';

interface SynthesizeOptions {
  readonly at?: string;
  readonly mode: SynthesisMode;
  readonly requireClone?: true;
  readonly dryRun?: true;
}

export function addSynthesize(program: Command): void {
  const command = program
    .command('synthesize')
    .summary('merge a chain into a synthetic full')
    .description(
      'Makes a synthetic full of the newest point of a disk, or of another one: a point of the same time and content that ' +
        'stands on no other. With --mode reference it refers to the blocks where they lie, and moves none; with --mode copy ' +
        'they are put into new packs: by the file system itself where it can share extents (XFS, Btrfs), by the server of ' +
        'an object storage that can copy parts of objects, else by reading and writing. The points that it was made of stay until they are forgotten.',
    )
    .argument('<machine/disk>', 'the disk')
    .option('--at <point>', 'the point to make a full of (default: the newest)', text)
    .addOption(new Option('--mode <mode>', 'how').choices(['reference', 'copy']).default('reference'))
    .option('--require-clone', 'with --mode copy: fail rather than copy where neither file system nor server does it')
    .option('--dry-run', 'say what would be done, and write nothing')
    .addHelpText(
      'after',
      `
Examples:
  $ strata synthesize web1/sda
  $ strata synthesize web1/sda --at 5f0c --mode copy --dry-run`,
    );
  perform<SynthesizeOptions, [string]>(command, async (session, options, name) => {
    const { mode, at = null, requireClone = false, dryRun = false } = options;
    if (requireClone && mode !== 'copy') throw fail('USAGE', { problem: '--require-clone goes with --mode copy only' });
    const { synthesizeJob } = await import('../../jobs/synthesize.ts');
    const request = { ...diskOf(name), at, mode, requireClone, dryRun };
    session.conclude(describe(await synthesizeJob(session.access(), request, session.job())));
    return exitCodes.done;
  });
}

function describe(result: SynthesisResult): string[] {
  const name = `${result.machine}/${result.disk}`;
  if (result.nothingToDo !== null) return [`nothing to do for ${name}: point ${result.of}: ${result.nothingToDo}`];
  const { bytesReferenced, bytesCopiedByStore, bytesUnused, bytesThroughClient, bytesResumed } = result;
  const moved = [
    bytesReferenced > 0 && `${formatSize(bytesReferenced)} referred to where they lie`,
    bytesCopiedByStore > 0 && `${formatSize(bytesCopiedByStore)} copied by the store itself`,
    bytesUnused > 0 && `${formatSize(bytesUnused)} that nothing needs copied with them`,
    `${formatSize(bytesThroughClient)} read and written`,
    bytesResumed > 0 && `${formatSize(bytesResumed)} were copied by a run that broke off`,
  ];
  const made = result.point === null ? 'would make a synthetic full' : result.point;
  return fields([
    ['point', `${made} (${result.mode}, ${result.mergedPoints} points of ${name} merged)`],
    ['equals', result.of],
    ['bytes', moved.filter(Boolean).join(', ')],
    ['root', result.root],
    ['took', formatDuration(result.seconds)],
  ]);
}
