/** What a backup would do. */
import { listPacks } from '../repository/packs.ts';
import { findParent, noParent } from './parent.ts';
import { type BackupResult, secondsSince } from './result.ts';
import { foreseeProvider } from './snapshots/take.ts';
import { snapshotOrderOf, type Task } from './task.ts';
import { connected, survey } from './view.ts';

/** Says what a backup would do; writes nothing. */
export async function foresee(task: Task): Promise<BackupResult> {
  const { repo, order, warnings, warn, started } = task;
  const source = task.source.kind === 'nbd' ? await connected(task) : task.source;
  const provider = await foreseeProvider(snapshotOrderOf(task));
  const allocation = await survey(task, provider === null ? source : { ...source, mountedAt: [] });
  const parent = order.full ? noParent : await findParent(repo, order, await listPacks(repo), warn);
  return {
    point: null,
    dryRun: true,
    machine: order.machine,
    disk: order.disk,
    pointTime: null,
    kind: parent.manifest === null ? 'full' : 'incremental',
    parent: parent.manifest?.id ?? null,
    size: source.size,
    bytesRead: 0,
    bytesNew: 0,
    bytesStored: 0,
    blocks: { changed: 0, zero: 0, deduplicated: 0 },
    snapshot: provider?.name ?? 'off',
    consistency: provider?.consistency ?? 'none',
    tracker: 'off',
    tracking: null,
    allocation: allocation?.volumes ?? null,
    skipped: { unallocated: 0, unchanged: 0 },
    warnings,
    group: null,
    seconds: secondsSince(started),
  };
}
