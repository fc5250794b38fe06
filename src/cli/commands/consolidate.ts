import { type Command, Option } from 'commander';
import { fail } from '../../errors.ts';
import type { ConsolidatedDisk, ConsolidationResult } from '../../jobs/consolidate.ts';
import type { SynthesisMode } from '../../jobs/synthesize.ts';
import { perform } from '../action.ts';
import { diskOf } from '../disk-name.ts';
import { exitCodes } from '../exit-codes.ts';
import { percent, span, wholeNumber } from '../option-values.ts';
import { addRetentionOptions, type RetentionOptions, rulesOf } from '../retention-options.ts';
import { formatDuration, formatSize } from '../units.ts';

interface ConsolidateOptions extends RetentionOptions {
  readonly all?: true;
  readonly maxChain?: number;
  readonly fullEvery?: number;
  readonly mode: SynthesisMode;
  readonly grace: number;
  readonly maxUnused?: number;
  readonly dryRun?: true;
}

const day = 86_400_000;

export function addConsolidate(program: Command): void {
  const command = program
    .command('consolidate')
    .summary('keep chains short: synthetic fulls, then forget, then gc')
    .description(
      'Applies a policy to disks: where the chain of the newest point is too long, or its full too old, a synthetic full is ' +
        'made of it; once that was read back, points that the rules do not keep are forgotten; then garbage is collected. ' +
        'Without rules nothing is forgotten. A disk where something fails keeps all its points.',
    )
    .argument('[machine/disk...]', 'the disks')
    .option('--all', 'all disks of the repository')
    .option('--max-chain <n>', 'merge chains of more than n points', wholeNumber(1))
    .option(
      '--full-every <time>',
      'merge chains whose full is so much older than their newest point, such as 30d',
      span,
    )
    .addOption(new Option('--mode <mode>', 'how').choices(['reference', 'copy']).default('reference'));
  addRetentionOptions(command)
    .option('--grace <time>', 'how long the trash is kept, such as 24h or 7d; 0 frees at once', span, day)
    .option('--max-unused <percent>', 'rewrite sparse packs until no more than so much of all packs is unused', percent)
    .option('--dry-run', 'say what would be done, and do nothing')
    .addHelpText(
      'after',
      `
Examples:
  $ strata consolidate --all --max-chain 30 --keep-daily 14 --keep-monthly 12 --dry-run
  $ strata consolidate web1/sda --full-every 30d`,
    );
  perform<ConsolidateOptions, [string[]]>(command, async (session, options, names) => {
    if (names.length > 0 === (options.all === true)) {
      throw fail('USAGE', { problem: 'consolidate takes disks, or --all' });
    }
    const { consolidateJob } = await import('../../jobs/consolidate.ts');
    const { maxChain = null, fullEvery = null, mode, grace, maxUnused, timeZone, dryRun = false } = options;
    const result = await consolidateJob(
      session.access(),
      {
        disks: options.all ? null : names.map(diskOf),
        maxChain,
        fullEvery,
        mode,
        rules: rulesOf(options),
        timeZone,
        grace,
        maxUnused: maxUnused === undefined ? null : maxUnused / 100,
        dryRun,
      },
      session.job(),
    );
    session.conclude(describe(result));
    const failures = [...result.disks.map(({ failure }) => failure), result.collectionFailure];
    return failures.find((failure) => failure !== null)?.exitCode ?? exitCodes.done;
  });
}

/** The lines about a consolidation. */
export function describe({ dryRun, disks, collection, collectionFailure, seconds }: ConsolidationResult): string[] {
  const lines = disks.flatMap((disk) => describeDisk(disk, dryRun));
  if (collection !== null) {
    const { freed, waiting } = collection;
    lines.push(
      `${dryRun ? 'would free' : 'freed'} ${formatSize(freed.bytes)} now; ${formatSize(waiting.bytes)} in the trash`,
    );
  }
  if (collectionFailure !== null) lines.push(`nothing was collected: ${collectionFailure.message}`);
  return [...lines, `took ${formatDuration(seconds)}`];
}

function describeDisk({ machine, disk, reason, synthesis, forgetting, failure }: ConsolidatedDisk, dryRun: boolean) {
  const name = `${machine}/${disk}`;
  if (failure !== null) return [`${name}: failed, and kept as it was: ${failure.message}`];
  const lines: string[] = [];
  if (synthesis !== null) {
    const made = synthesis.point === null ? 'would be made' : `is ${synthesis.point}`;
    const { bytesReferenced, bytesCopiedByStore, bytesThroughClient } = synthesis;
    lines.push(
      `${name}: a synthetic full ${made}, for ${reason}`,
      `${name}: ${formatSize(bytesReferenced)} referred to, ${formatSize(bytesCopiedByStore)} shared, ${formatSize(bytesThroughClient)} copied`,
    );
  }
  if (forgetting !== null) {
    const { forgotten, points, bytesFreeable } = forgetting;
    const kept = points.filter(({ keep }) => keep).length;
    const verb = dryRun ? 'would be forgotten' : 'forgotten';
    lines.push(`${name}: ${forgotten.length} points ${verb}, ${kept} kept; ${formatSize(bytesFreeable)} can be freed`);
  }
  return lines.length > 0 ? lines : [`${name}: nothing to do`];
}
