/**
 * Several sources, none of which is written to while snapshots of them are made: so all of these show one instant, any
 * that lies between the moment in which the last of them stood still and the one in which the first went on.
 *
 * A device of device-mapper is suspended, and of an image or a volume of ZFS the file systems that are mounted from it are
 * frozen. It is
 * never done to what the system or this run needs. The making of a snapshot may itself let its source go on, which harms
 * nothing: that instant has passed then. What stands still is written down before, as snapshots are.
 */
import type { ChildProcess } from 'node:child_process';
import { readFile, stat } from 'node:fs/promises';
import { reasonOf } from '../../errors.ts';
import { deviceName, devicesOn, loopsOf } from '../../repository/devices.ts';
import { failpoint } from '../../repository/failpoint.ts';
import { writableFileSystems } from './freeze.ts';
import type { ProviderName, SnapshotWish } from './provider.ts';
import { beginRecord, type HeldRecord, newSnapshotId, type SnapshotOwner } from './records.ts';
import { devicePlace, dismiss, goOn, standsStill, startGuard, stop, whatMustBeRead, whatMustGoOn } from './still.ts';

/** What of a source stands still while snapshots are made. */
export type Holding =
  | { readonly places: readonly string[] }
  /** Why nothing can. */
  | { readonly obstacle: string };

/** What has to stand still so that nobody writes to a source while a provider makes a snapshot of it. */
export async function holdingOf(
  { source, needed }: Pick<SnapshotWish, 'source' | 'needed'>,
  provider: ProviderName,
): Promise<Holding> {
  const found = await stat(source.path, { bigint: true });
  if (provider === 'reflink' || provider === 'btrfs' || provider === 'zfs') {
    const devices = new Set<string>();
    const roots = source.kind === 'file' ? await loopsOf(found) : [deviceName(found.rdev)];
    for (const root of roots) for (const device of await devicesOn(root)) devices.add(device);
    const places = await writableFileSystems(devices);
    if (places.length === 0) return { obstacle: 'nobody can tell who writes to it' };
    const obstacle = await whatMustGoOn(devices, needed);
    return obstacle === null ? { places } : { obstacle };
  }
  // LVM loses count of the pool's transactions then, and can make nothing in it any more.
  if (provider === 'thin') return { obstacle: 'LVM makes no snapshot of a thin volume that stands still' };
  const number = deviceName(found.rdev);
  const name = await readFile(`/sys/dev/block/${number}/dm/name`, 'utf8').catch(() => '');
  if (name === '') return { obstacle: 'it is no device of device-mapper' };
  const obstacle = await whatMustBeRead(await devicesOn(number), needed);
  return obstacle === null ? { places: [devicePlace(name.trim())] } : { obstacle };
}

export interface HoldOrder {
  readonly source: string;
  readonly owner: SnapshotOwner;
  readonly records: string;
  /** Milliseconds. */
  readonly limit: number;
}

/** All of them stand still at once. */
export class Hold {
  readonly #guard: ChildProcess;
  readonly #record: HeldRecord;
  readonly #places: readonly string[];
  /** Not before this do they go on by themselves; of the clock of `performance`. */
  readonly #until: number;
  readonly #failed = new Map<string, string>();

  private constructor(guard: ChildProcess, record: HeldRecord, places: readonly string[], until: number) {
    this.#guard = guard;
    this.#record = record;
    this.#places = places;
    this.#until = until;
  }

  /** Has the places stand still; what cannot is told by `trouble`. */
  static async begin({ source, owner, records, limit }: HoldOrder, places: readonly string[]): Promise<Hold> {
    // A freeze that a dead process left is undone in the same way.
    const known = { id: newSnapshotId(), provider: 'freeze', source, owner, places } as const;
    const record = await beginRecord(records, known);
    const until = performance.now() + limit;
    const guard = await startGuard(limit, places).catch(async (error: unknown) => {
      await record.close();
      throw error;
    });
    const hold = new Hold(guard, record, places, until);
    for (const place of places) {
      failpoint('snapshot.hold');
      await stop(place, Math.max(1, until - performance.now())).catch((error: unknown) => {
        hold.#failed.set(place, reasonOf(error));
      });
    }
    return hold;
  }

  /** Why one of the places does not stand still; null when it does, as far as can be told before it goes on. */
  async trouble(places: readonly string[]): Promise<string | null> {
    for (const place of places) {
      const failure = this.#failed.get(place) ?? null;
      if (failure !== null) return failure;
      if (!(await standsStill(place))) return `${place} went on too early`;
    }
    return this.overdue();
  }

  /** Whether something may have gone on by itself. */
  overdue(): string | null {
    return performance.now() < this.#until ? null : 'it could not stand still for so long (--freeze-limit)';
  }

  /** Lets all go on; gives the places that did already. What does not is left to the guard. */
  async end(): Promise<ReadonlySet<string>> {
    failpoint('snapshot.release');
    const gone = new Set<string>();
    const failures: unknown[] = [];
    for (const place of this.#places) {
      const went = await goOn(place).catch((error: unknown) => failures.push(error));
      if (went === false) gone.add(place);
    }
    if (failures.length > 0) throw failures[0];
    dismiss(this.#guard);
    await this.#record.close();
    return gone;
  }
}
