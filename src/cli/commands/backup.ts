import { isatty } from 'node:tty';
import { type Command, Option } from 'commander';
import { fail } from '../../errors.ts';
import type { BackupRequest, BackupResult } from '../../jobs/backup.ts';
import type { BackupDisksResult } from '../../jobs/backup-disks.ts';
import { perform } from '../action.ts';
import { exitCodes } from '../exit-codes.ts';
import { collect, compressionLevel, duration, size, text } from '../option-values.ts';
import { complain } from '../output.ts';
import type { Session } from '../session.ts';
import { addSnapshotOptions, type SnapshotOptions, snapshotRequestOf } from '../snapshot-options.ts';
import { fields, table } from '../table.ts';
import { formatDuration, formatSize } from '../units.ts';

type PointType = NonNullable<BackupRequest['type']>;

type AllocationPolicy = NonNullable<BackupRequest['allocation']>;

export const allocationPolicies = ['auto', 'required', 'off'] as const satisfies readonly AllocationPolicy[];

export const pointTypes = ['manual', 'scheduled', 'snapshot', 'pre-deploy'] as const satisfies readonly PointType[];

interface BackupOptions extends SnapshotOptions {
  readonly allDisks?: true;
  readonly machine?: string;
  readonly disk?: string;
  readonly full?: true;
  readonly snapshot: string;
  readonly tracker: string;
  readonly changedExtents?: string;
  readonly allocation: AllocationPolicy;
  readonly allocationMap: boolean;
  readonly type: PointType;
  readonly tag?: readonly string[];
  readonly note?: string;
  readonly rateLimit?: number;
  readonly compression?: number;
  readonly maxDuration?: number;
  readonly dryRun?: true;
}

export function addBackup(program: Command): void {
  const command = program
    .command('backup')
    .summary('make a restore point of a disk, or of several')
    .description(
      'Makes a restore point of a block device, an image file, an export of an NBD server or standard input (-). The first ' +
        'point of a disk is full; later ones store what changed since the newest. Of several sources snapshots are made ' +
        'first, of one instant where that can be had, then one backup after the other.',
    )
    .argument(
      '[source...]',
      'block devices, image files, nbd://HOST[:PORT]/EXPORT, nbds:// (TLS), nbd+unix:///EXPORT?socket=PATH, or - for standard input',
    )
    .option('--all-disks', 'all disks of this machine, whole, but for the one that holds the repository')
    .option('--machine <name>', "machine the disk belongs to (default: this host's name)", text)
    .option('--disk <name>', 'name of the disk (default: the base name of the source)', text)
    .option('--full', 'store a full point, even if there is one to build on')
    .option(
      '--snapshot <policy>',
      'auto, required, off, or a provider: reflink, btrfs, zfs, thin, lvm, iterate, dattobd, elastio-snap, dm-snapshot, freeze',
      text,
      'auto',
    )
    .option(
      '--tracker <name>',
      'auto, off, or a change tracker: reflink, zfs, thin, dattobd, elastio-snap, dm-era, hints, nbd-bitmap (or nbd-bitmap:NAME)',
      text,
      'auto',
    )
    .option(
      '--changed-extents <file>',
      'JSON that says what changed, and since which point; - for standard input',
      text,
    )
    .addOption(
      new Option('--allocation <policy>', 'leave out what file systems do not use')
        .choices(allocationPolicies)
        .default('auto'),
    )
    .addOption(new Option('--no-allocation-map', 'the same as --allocation off').conflicts('allocation'))
    .addOption(new Option('--type <type>', 'why the point is made').choices(pointTypes).default('manual'))
    .option('--tag <tag>', 'mark the point; may be given several times', collect)
    .option('--note <text>', 'a remark')
    .option('--rate-limit <size>', 'read at most so many bytes a second', size)
    .option('--compression <level>', 'zstd level, 1 to 19', compressionLevel)
    .option('--max-duration <time>', 'stop when it takes longer, or clearly will: 8h, 90min', duration)
    .option('--dry-run', 'say what would be done, and write nothing');
  addSnapshotOptions(command).addHelpText(
    'after',
    `
Examples:
  $ strata backup /dev/vg0/root
  $ strata backup web1.img --machine web1 --disk root --tag nightly
  $ strata backup 'nbd+unix:///vda?socket=/run/web1.nbd' --machine web1 --tracker nbd-bitmap
  $ strata backup /dev/vg0/root /dev/vg0/data --snapshot required
  $ strata backup --all-disks
  $ pg_basebackup -D - -Ft -X fetch | strata backup - --disk pg.tar`,
  );
  perform<BackupOptions, [string[]]>(command, async (session, options, sources) => {
    const { tag, compression, allocationMap, allDisks, disk, changedExtents, ...given } = options;
    const allocation = allocationMap ? options.allocation : 'off';
    const request = { ...given, ...snapshotRequestOf(options), allocation, tags: tag, level: compression };
    const [source] = sources;
    if (allDisks ? source !== undefined : source === undefined) {
      const problem = allDisks ? '--all-disks takes no source' : 'no source was named; name one, or use --all-disks';
      throw fail('USAGE', { problem });
    }
    if (allDisks || source === undefined || sources.length > 1) {
      if (disk !== undefined) throw fail('USAGE', { problem: '--disk goes with one source' });
      if (changedExtents !== undefined) throw fail('USAGE', { problem: '--changed-extents goes with one source' });
      const { backupDisksJob } = await import('../../jobs/backup-disks.ts');
      const disks = allDisks ? null : sources.map((each) => ({ source: each }));
      return concludeDisks(session, await backupDisksJob(session.access(), { ...request, disks }, session.job()));
    }
    if (source === '-' && isatty(0)) {
      throw fail('USAGE', { problem: 'the source is standard input, which is a terminal; connect a pipe or a file' });
    }
    const { backupJob } = await import('../../jobs/backup.ts');
    const result = await backupJob(session.access(), { ...request, source, disk, changedExtents }, session.job());
    session.conclude(describe(result));
    return result.warnings.length > 0 ? exitCodes.warnings : exitCodes.done;
  });
}

/** Tells what came of several disks; gives the exit code. */
function concludeDisks(session: Session, result: BackupDisksResult): number {
  session.conclude(describeDisks(result));
  for (const { source, failure } of result.disks) {
    if (failure !== null) complain('error', `${source}: ${failure.message}`, failure.hint);
  }
  return result.failure?.exitCode ?? (result.warnings.length > 0 ? exitCodes.warnings : exitCodes.done);
}

/** The lines about backups of several disks. */
export function describeDisks({ disks, dryRun, group, oneInstant, leftOut, seconds }: BackupDisksResult): string[] {
  const rows = table<BackupDisksResult['disks'][number]>(
    [
      { title: 'disk', of: ({ machine, disk }) => `${machine}/${disk}` },
      {
        title: 'point',
        of: ({ result }) => (result === null ? 'failed' : (result.point ?? 'to be made').slice(0, 24)),
      },
      { title: 'kind', of: ({ result }) => result?.kind ?? '' },
      { title: 'read', of: ({ result }) => (result === null ? '' : formatSize(result.bytesRead)), align: 'right' },
      { title: 'stored', of: ({ result }) => (result === null ? '' : formatSize(result.bytesStored)), align: 'right' },
      { title: 'snapshot', of: ({ result }) => (result === null ? '' : describeSnapshot(result)) },
    ],
    disks,
  );
  const made = disks.filter(({ failure }) => failure === null).length;
  const instant = oneInstant ? 'of one instant' : 'each of its own instant';
  return [
    ...rows,
    '',
    ...fields([
      [dryRun ? 'would make' : 'made', `${made} of ${disks.length} points, ${instant}`],
      ...(group === null ? [] : [['group', group] as [string, string]]),
      ...leftOut.map(({ source, reason }): [string, string] => ['left out', `${source}: ${reason}`]),
      ['took', formatDuration(seconds)],
    ]),
  ];
}

/** What was not read, and why. */
export function describeSkipped({ unallocated, unchanged }: BackupResult['skipped']): [string, string][] {
  const parts = [
    ...(unallocated > 0 ? [`${formatSize(unallocated)} that no file system uses`] : []),
    ...(unchanged > 0 ? [`${formatSize(unchanged)} that did not change`] : []),
  ];
  return parts.length > 0 ? [['skipped', parts.join(', ')]] : [];
}

/** Who made the snapshot, and what it is worth. */
export function describeSnapshot({ snapshot, consistency }: Pick<BackupResult, 'snapshot' | 'consistency'>): string {
  const worth = {
    application: 'consistent for its applications',
    'file-system': 'consistent for its file systems',
    crash: 'of one instant, as after a power cut',
    none: 'read as it was',
  };
  return `${snapshot}, ${worth[consistency]}`;
}

/** What was left to a tracker, or why it was not. */
export function describeTracking({
  tracker,
  tracking,
}: Pick<BackupResult, 'tracker' | 'tracking'>): [string, string][] {
  if (!tracking) return [];
  const { since, reason, auditedBlocks } = tracking;
  if (since === null) return [['tracker', `none, ${reason}`]];
  return [['tracker', `${tracker} since ${since.slice(0, 8)}, ${auditedBlocks} blocks audited`]];
}

/** The lines about a backup. */
export function describe(result: BackupResult): string[] {
  const parent = result.parent === null ? '' : ` on ${result.parent.slice(0, 8)}`;
  const disk = `${result.machine}/${result.disk}`;
  const size = result.size === null ? 'of a size to be seen' : `of ${formatSize(result.size)}`;
  if (result.point === null) return fields([['would make', `${result.kind} point${parent} of ${disk}, ${size}`]]);
  const { changed, zero, deduplicated } = result.blocks;
  return fields([
    ['point', `${result.point} (${result.kind}${parent})`],
    ['disk', disk],
    ['read', `${formatSize(result.bytesRead)} ${size}`],
    ...(result.snapshot === 'off' ? [] : [['snapshot', describeSnapshot(result)] as [string, string]]),
    ...describeTracking(result),
    ...describeSkipped(result.skipped),
    ['new', `${formatSize(result.bytesNew)}, stored in ${formatSize(result.bytesStored)}`],
    ['blocks', `${changed} changed, ${zero} zero, ${deduplicated} deduplicated`],
    ['took', formatDuration(result.seconds)],
  ]);
}
