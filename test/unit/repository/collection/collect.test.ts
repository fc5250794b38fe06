import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { collect } from '../../../../src/repository/collection/collect.ts';
import { survey } from '../../../../src/repository/collection/survey.ts';
import { thisProcess } from '../../../../src/repository/here.ts';
import { Lease } from '../../../../src/repository/lease.ts';
import { columnName, manifestName } from '../../../../src/repository/manifest.ts';
import { listPacks, packName } from '../../../../src/repository/packs.ts';
import { beginReading } from '../../../../src/repository/reading.ts';
import type { Repository } from '../../../../src/repository/repository.ts';
import { noteHolders, putIntoTrash, readTrash } from '../../../../src/repository/trash.ts';
import { randomFrom } from '../../../model/random.ts';
import { World } from '../../../model/world.ts';
import { quiet, scratchMemory, scratchRepository } from '../../scratch.ts';

const hour = 3_600_000;
const day = 24 * hour;

/** A repository with `count` points of one disk. */
async function worldOf(count: number, passphrase?: string): Promise<World> {
  const world = new World(await scratchRepository(passphrase), await scratchMemory(), randomFrom(7));
  for (let n = 0; n < count; n++) await world.backup('a');
  return world;
}

async function objects(repo: Repository, prefix = ''): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of repo.store.list(prefix)) names.push(name);
  return names.sort();
}

function oldest(world: World) {
  const [point] = world.kept;
  if (point === undefined) throw new Error('there is no point');
  return point;
}

function runId(): string {
  return randomBytes(12).toString('hex');
}

describe('a collection', () => {
  it.each([undefined, 'secret'])(
    'frees after the grace what no kept point shows (passphrase %s)',
    async (passphrase) => {
      const world = await worldOf(1, passphrase);
      await world.backup('b');
      const [a] = world.kept;
      if (a === undefined) throw new Error('there is no point');
      await world.forget(a);
      const before = await objects(world.repo);

      const first = await world.collect(day);
      expect(first).toMatchObject({ trashed: { points: 1, maps: 2 }, freed: { bytes: 0 }, waiting: { points: 1 } });
      expect(await objects(world.repo)).toEqual(expect.arrayContaining(before));

      const soon = await world.collect(day, null, 23 * hour);
      expect(soon).toMatchObject({ trashed: { bytes: 0 }, freed: { bytes: 0 }, waiting: { points: 1, maps: 2 } });

      const late = await world.collect(day, null, 25 * hour);
      expect(late.freed).toEqual(first.trashed);
      expect(late.waiting.bytes).toBe(0);
      expect(await world.undelete(a)).toBe(false);
      expect(await objects(world.repo, 'trash/')).toEqual([]);
      expect((await objects(world.repo)).filter((name) => name.includes(a.id))).toEqual([]);
      await world.check();
    },
  );

  it('frees at once with a grace of 0 when nobody is at work', async () => {
    const world = await worldOf(1);
    await world.backup('b');
    await world.forget(oldest(world));
    expect(await world.collect(0)).toMatchObject({ freed: { points: 1 }, waiting: { bytes: 0 }, waitingFor: [] });
    expect(await objects(world.repo, 'trash/')).toEqual([]);
    await world.check();
  });

  it('keeps of forgotten points what others show through them', async () => {
    const world = await worldOf(4);
    for (const point of world.kept.slice(0, 3)) await world.forget(point);
    const { freed } = await world.collect(0);
    expect(freed.points).toBe(0);
    await world.check();
    await world.verify();
  });

  it('changes nothing in a dry run, and says what the real one then does', async () => {
    const world = await worldOf(1);
    await world.backup('b');
    await world.forget(oldest(world));
    const before = await objects(world.repo);
    const request = { grace: 0, maxUnused: null, dryRun: true };
    const planned = await collect(world.repo, request, () => undefined, quiet());
    expect(await objects(world.repo)).toEqual(before);
    const done = await world.collect(0);
    expect(planned.freed).toEqual(done.freed);
    expect(planned.trashed).toEqual(done.trashed);
  });

  it('waits for whoever reads, and for nobody who began to read later', async () => {
    const world = await worldOf(1);
    await world.backup('b');
    const point = oldest(world);
    const reading = await beginReading(world.repo, () => undefined);
    await world.forget(point);
    expect(await world.collect(0)).toMatchObject({ freed: { bytes: 0 }, waiting: { points: 1 } });
    expect((await world.collect(0)).waitingFor).toHaveLength(1);
    expect((await world.read(point.id)).equals(point.content)).toBe(true);

    const later = await beginReading(world.repo, () => undefined);
    await reading.end();
    expect(await world.collect(0)).toMatchObject({ freed: { points: 1 }, waiting: { bytes: 0 } });
    await later.end();
  });

  it('waits again for those who read a point that was brought back and forgotten once more', async () => {
    const world = await worldOf(1);
    await world.backup('b');
    const point = oldest(world);
    await world.forget(point);
    await world.collect(day);
    expect(await world.undelete(point)).toBe(true);
    const reading = await beginReading(world.repo, () => undefined);
    await world.forget(point);
    // The grace of the first time is over; that it was forgotten is new.
    expect(await world.collect(day, null, 0)).toMatchObject({ freed: { bytes: 0 }, waiting: { points: 1 } });
    expect(await world.collect(0)).toMatchObject({ freed: { bytes: 0 } });
    expect((await world.read(point.id)).equals(point.content)).toBe(true);
    await reading.end();
    expect(await world.collect(0)).toMatchObject({ freed: { points: 1 } });
  });

  it('brings a point back whose objects are in the trash', async () => {
    const world = await worldOf(3);
    await world.backup('b');
    for (const point of world.kept.filter(({ disk }) => disk === 'a')) await world.forget(point);
    await world.collect(day);
    for (const point of world.points.filter(({ forgotten }) => forgotten))
      expect(await world.undelete(point)).toBe(true);
    await world.collect(0);
    await world.check();
    expect(await objects(world.repo, 'trash/')).toEqual([]);
  });

  it('leaves the packs of a run at work alone, and frees those of one that ended without a point', async () => {
    const world = await worldOf(1);
    const run = runId();
    const lease = await Lease.take(world.repo, run, { purpose: 'backup', machine: 'm', disk: 'z' }, () => undefined);
    const pack = packName(`${run}00000000`);
    await world.repo.store.put(pack, Buffer.alloc(100));
    await world.repo.store.put(columnName(run, 'loc'), Buffer.alloc(10));
    expect(await world.collect(0)).toMatchObject({ trashed: { packs: 0, maps: 0 } });
    await lease.release();
    expect(await world.collect(0)).toMatchObject({ freed: { packs: 1, maps: 1, bytes: 110 } });
    expect(await world.repo.store.stat(pack)).toBeNull();
  });

  it('frees nothing of its own bag while somebody is at work, even somebody who came later', async () => {
    const world = await worldOf(1);
    await world.backup('b');
    await world.forget(oldest(world));
    const lease = await Lease.take(
      world.repo,
      runId(),
      { purpose: 'backup', machine: 'm', disk: 'z' },
      () => undefined,
    );
    expect(await world.collect(0)).toMatchObject({ freed: { bytes: 0 }, waitingFor: [lease.id] });
    await lease.release();
    expect(await world.collect(0)).toMatchObject({ freed: { points: 1 } });
  });

  it('lets nothing new refer to what is in the trash', async () => {
    const world = await worldOf(1);
    const [point] = world.kept;
    await world.backup('b');
    if (point === undefined) throw new Error('there is no point');
    await world.forget(point);
    await world.collect(day);
    const trashed = [...((await readTrash(world.repo))[0]?.names ?? [])].filter((name) => name.startsWith('packs/'));
    expect(trashed.length).toBeGreaterThan(0);
    // The same content again, on another disk: found by nobody, stored anew.
    await writeFile(world.image('c'), point.content);
    await world.backupAsIs('c');
    await world.collect(day, null, 25 * hour);
    for (const name of trashed) expect(await world.repo.store.stat(name)).toBeNull();
    await world.check();
  });

  it('does not sweep a bag of which it is not known who was at work, but notes that first', async () => {
    const world = await worldOf(1);
    await world.backup('b');
    const point = oldest(world);
    await world.forget(point);
    const { dead } = await survey(world.repo, '', thisProcess(), quiet());
    await putIntoTrash(world.repo, bagOf(runId(), dead.keys()));
    const reading = await beginReading(world.repo, () => undefined);
    await world.collect(day);
    expect((await readTrash(world.repo)).every(({ heldBy }) => heldBy !== null)).toBe(true);
    expect((await world.read(point.id)).equals(point.content)).toBe(true);
    await reading.end();
    await world.collect(0);
    expect(await objects(world.repo, 'trash/')).toEqual([]);
  });

  it('takes out of the trash what somebody refers to again', async () => {
    const world = await worldOf(2);
    const packs = [...(await listPacks(world.repo)).keys()].map(packName);
    const run = runId();
    await putIntoTrash(world.repo, bagOf(run, packs));
    await noteHolders(world.repo, run, []);
    await world.collect(0);
    await world.check();
    expect(await objects(world.repo, 'trash/')).toEqual([]);
  });

  it('stops before anything is freed when a manifest or a map cannot be read', async () => {
    for (const name of [manifestName, (id: string) => columnName(id, 'loc')]) {
      const world = await worldOf(2);
      await world.backup('b');
      const [first, second] = world.kept;
      if (first === undefined || second === undefined) throw new Error('there are no points');
      await world.forget(first);
      await writeFile(world.repo.store.localPath(name(second.id)), 'x');
      const before = await objects(world.repo);
      await expect(world.collect(0)).rejects.toMatchObject({ exitCode: 13 });
      expect(await objects(world.repo)).toEqual(before);
    }
  });

  it('is the only one at a time', async () => {
    const world = await worldOf(1);
    const lease = await Lease.take(world.repo, runId(), { purpose: 'collection' }, () => undefined);
    await expect(world.collect(0)).rejects.toMatchObject({ code: 'LOCKED', exitCode: 11 });
    await lease.release();
    await world.collect(0);
  });

  it('goes on where a dead one stopped', async () => {
    const world = await worldOf(1);
    await world.backup('b');
    await world.forget(oldest(world));
    const dead = { ...thisProcess(), pid: 2 ** 30, startOf: () => '1' };
    await Lease.take(world.repo, runId(), { purpose: 'collection' }, () => undefined, dead);
    expect(await world.collect(0)).toMatchObject({ freed: { points: 1 } });
    expect(await objects(world.repo, 'leases/')).toEqual([]);
  });

  it('ends when it is told to, and leaves a repository that is whole', async () => {
    const world = await worldOf(2);
    await world.forget(oldest(world));
    const request = { grace: 0, maxUnused: null, dryRun: false };
    await expect(collect(world.repo, request, () => undefined, AbortSignal.abort())).rejects.toMatchObject({
      code: 'INTERRUPTED',
    });
    await world.check();
    await world.collect(0);
    await world.check();
  });
});

/** Of long ago. */
function bagOf(run: string, names: Iterable<string>) {
  return { run, time: new Date(0).toISOString(), names: new Set(names), lockedUntil: null };
}
