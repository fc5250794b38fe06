import type { Command } from 'commander';
import type { ShownPoint } from '../../jobs/show.ts';
import { perform } from '../action.ts';
import { exitCodes } from '../exit-codes.ts';
import { fields, table } from '../table.ts';
import { formatDuration, formatSize, formatTime } from '../units.ts';
import { describeSkipped, describeSnapshot, describeTracking } from './backup.ts';

export function addShow(program: Command): void {
  const command = program
    .command('show')
    .summary('show all of one restore point')
    .description('Shows a restore point: what it is of, the chain it stands on, and what it refers to.')
    .argument('<point>', 'the point')
    .addHelpText(
      'after',
      `
Examples:
  $ strata show 5f0c
  $ strata show web1/sda@latest --json`,
    );
  perform<object, [string]>(command, async (session, _options, spec) => {
    const { showJob } = await import('../../jobs/show.ts');
    const point = await showJob(session.access(), spec, session.listen);
    session.answer(point, () => describe(point));
    return exitCodes.done;
  });
}

function describe(point: ShownPoint): string[] {
  const { stats, statistics } = point;
  const { changed, zero, deduplicated } = stats.blocks;
  const facts: [string, string][] = [
    ['point', point.id],
    ['disk', `${point.machine}/${point.disk}`],
    ['time', formatTime(point.time)],
    ['kind', point.kind],
    ['size', `${formatSize(point.size)} (${point.size} bytes), blocks of ${formatSize(point.blockSize)}`],
    ['contents', `${formatSize(statistics.dataBytes)} data, ${formatSize(statistics.zeroBytes)} zeros`],
    ['stored', `${formatSize(statistics.storedBytes)} in ${statistics.packs} packs for the whole disk`],
    [
      'this run',
      `${formatSize(stats.bytesStored)} stored of ${formatSize(stats.bytesRead)} read in ${formatDuration(stats.seconds)}`,
    ],
    ['blocks', `${changed} changed, ${zero} zero, ${deduplicated} deduplicated`],
    ['holds', point.layout?.fileSystem ?? ''],
    ['root', point.root],
    ['source', `${point.source.path} (${point.source.kind})`],
    ['snapshot', describeSnapshot({ snapshot: point.snapshot, consistency: point.consistency ?? 'none' })],
    ...describeTracking({ tracker: point.tracker, tracking: point.tracking ?? null }),
    ...(point.allocation ?? []).map((volume): [string, string] => ['volume', describeVolume(volume)]),
    ...describeSkipped(point.skipped ?? { unallocated: 0, unchanged: 0 }),
    ['group', point.group === undefined ? '' : describeGroup(point.group)],
    ['type', point.type],
    ['tags', point.tags.join(' ')],
    ['note', point.note],
    ['protected', point.protected ? 'yes' : 'no'],
    ['verified', point.verified === null ? 'never' : formatTime(point.verified)],
    ['locked', point.lockedUntil === null ? '' : `until ${formatTime(point.lockedUntil)}`],
    ['made by', `${point.software} on ${point.host}`],
    ...point.unreadable.map(([offset, length]): [string, string] => ['unreadable', `${length} bytes at ${offset}`]),
    ...point.warnings.map(({ message }): [string, string] => ['warning', message]),
  ];
  const chain = table(
    [
      { title: 'chain', of: (link) => link.id },
      { title: 'time', of: (link) => formatTime(link.time) },
      { title: 'kind', of: (link) => link.kind },
      { title: 'stored', of: (link) => formatSize(link.bytesStored), align: 'right' },
    ],
    point.chain,
  );
  return [...fields(facts.filter(([, value]) => value !== '')), '', ...partitions(point), ...chain];
}

function describeGroup({ id, oneInstant }: NonNullable<ShownPoint['group']>): string {
  return `${id}, ${oneInstant ? 'of their common instant' : 'of an instant of its own'}`;
}

function describeVolume({
  partition,
  fileSystem,
  size,
  used,
  reason,
}: NonNullable<ShownPoint['allocation']>[number]): string {
  const volume = `${partition === null ? 'the disk' : `partition ${partition}`}${fileSystem === null ? '' : ` (${fileSystem})`}`;
  return used === null
    ? `${volume}: read whole, ${reason}`
    : `${volume}: ${formatSize(used)} of ${formatSize(size)} used`;
}

function partitions({ layout }: ShownPoint): string[] {
  if (layout === null || layout.partitions.length === 0) return [];
  const rows = table(
    [
      { title: `${layout.scheme} partition`, of: (partition) => String(partition.number) },
      { title: 'size', of: (partition) => formatSize(partition.length), align: 'right' },
      { title: 'holds', of: (partition) => partition.fileSystem ?? '' },
      { title: 'name', of: (partition) => partition.name },
    ],
    layout.partitions,
  );
  return [...rows, ''];
}
