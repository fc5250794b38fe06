/** The end of a repair: what was made is put in its place, and what was found is noted. Cut short anywhere, the rest is done by the next. */
import type { BadPlace } from '../../native/maps.ts';
import { noteBadFrames } from '../../repository/bad-frames.ts';
import { markForgotten } from '../../repository/forget.ts';
import type { Lease } from '../../repository/lease.ts';
import type { MovedColumns } from '../../repository/manifest.ts';
import { type MarkKind, writeMark } from '../../repository/marks.ts';
import type { Repository } from '../../repository/repository.ts';
import type { Inventory, OwnMap } from './inventory.ts';
import type { Losses } from './losses.ts';

/** A mark that cannot be read, and what it is to say from now on; null: its point is gone, and so will it be. */
export interface MarkPlan {
  readonly name: string;
  readonly point: string;
  readonly kind: MarkKind;
  readonly value: boolean | null;
}

export interface Findings {
  readonly inventory: Inventory;
  readonly losses: Losses;
  readonly marks: readonly MarkPlan[];
  /** Frames that are damaged, all that are known by now. */
  readonly bad: readonly BadPlace[];
  /** Maps that named packs whose index cannot be read, with these. */
  readonly inDamagedPacks: ReadonlyMap<OwnMap, readonly string[]>;
  /** Points to forget. */
  readonly drop: readonly string[];
}

/** What becomes of marks that cannot be read: each says what it counts for already. */
export function planMarks({ damagedMarks, pointIds, maps }: Inventory): MarkPlan[] {
  return damagedMarks.flatMap(({ name }) => {
    const [, point = '', kind] = /^marks\/([0-9a-f]{24})\.([a-z]+)\./.exec(name) ?? [];
    const wrong = maps.get(point)?.wrong;
    // Where the columns lay is lost with the mark. As long as they are not found, or made anew, it is left as it is.
    if (kind === 'moved' && wrong !== undefined && (wrong.loc !== null || wrong.dig !== null)) return [];
    const value = pointIds.has(point) ? kind === 'protected' : null;
    return [{ name, point, kind: kind as MarkKind, value }];
  });
}

/** Writes what came of a repair. LEASE_LOST when somebody took it for dead. */
export async function settle(repo: Repository, lease: Lease, findings: Findings): Promise<void> {
  const { inventory, losses, marks, bad, drop } = findings;
  const key = ({ pack, offset }: BadPlace) => `${pack} ${offset}`;
  const still = new Set(bad.map(key));
  await noteBadFrames(
    repo,
    bad,
    inventory.bad.filter((place) => !still.has(key(place))),
  );
  for (const name of inventory.unreadable) await repo.store.remove(name);
  for (const [point, map] of inventory.maps) await place(repo, lease, map, inventory.moved.get(point));
  for (const { name, point, kind, value } of marks) {
    if (value === null) await repo.store.remove(name);
    else if (kind !== 'moved' || (inventory.maps.get(point)?.anew.size ?? 0) === 0) {
      await writeMark(repo, point, kind, value);
    }
  }
  const damaged = new Set(losses.lost.map(({ point }) => point));
  for (const { point } of inventory.kept) {
    if (point.verified !== null && damaged.has(point.id)) await writeMark(repo, point.id, 'verified', false);
  }
  await lease.check();
  if (drop.length > 0) await markForgotten(repo, drop);
}

/** Gives the new columns of a map their names, and has the point use them. */
async function place(repo: Repository, lease: Lease, map: OwnMap, moved: MovedColumns | undefined): Promise<void> {
  if (map.anew.size === 0) return;
  const { id } = map.manifest;
  let columns: MovedColumns = { ...moved };
  for (const [column, { written }] of map.anew) {
    const { path, bytes, indexOffset, indexLength, indexDigest } = written;
    const name = `maps/${id}.${column}.${lease.id}`;
    await repo.store.adopt(name, path);
    columns = { ...columns, [column]: { name, bytes, indexOffset, indexLength, indexDigest } };
  }
  await lease.check();
  await writeMark(repo, id, 'moved', true, columns);
}
