import { describe, expect, it, onTestFinished } from 'vitest';
import { type Here, thisProcess } from '../../../src/repository/here.ts';
import { Lease } from '../../../src/repository/lease.ts';
import {
  type Claim,
  findLeases,
  isDead,
  type LeaseRecord,
  leaseName,
  leaseTerm,
} from '../../../src/repository/leases.ts';
import type { Repository } from '../../../src/repository/repository.ts';
import { scratchRepository } from '../scratch.ts';
import { idFrom } from './manifests.ts';

const disk = { purpose: 'backup', machine: 'web1', disk: 'sda' } as const;
const minute = 60_000;

/** A process of a machine that knows of itself only; its clock is set by hand. */
function somewhere(facts: Partial<Here> = {}): Here & { clock: number } {
  const here: Here & { clock: number } = {
    clock: Date.parse('2026-11-20T22:00:00Z'),
    host: 'web1',
    machineId: 'machine-1',
    bootId: 'boot-1',
    pidNamespace: 'pid:[1]',
    pid: 100,
    startOf: (pid: number) => (pid === 100 ? '5000' : null),
    now: () => here.clock,
    ...facts,
  };
  return here;
}

async function take(repo: Repository, digits: string, here: Here, claim: Claim = disk): Promise<Lease> {
  const lease = await Lease.take(repo, idFrom(digits), claim, rethrow, here);
  onTestFinished(() => lease.release());
  return lease;
}

function rethrow(error: unknown): void {
  throw error;
}

async function objects(repo: Repository): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of repo.store.list('leases/')) names.push(name);
  return names.sort();
}

describe('a lease', () => {
  it('keeps others from the disk until it is released, and from no other disk', async () => {
    const repo = await scratchRepository();
    const here = somewhere();
    const lease = await Lease.take(repo, idFrom('a1'), disk, rethrow, here);
    await expect(take(repo, 'b2', here)).rejects.toMatchObject({
      code: 'LOCKED',
      exitCode: 11,
      message: 'disk web1/sda is in use by process 100 on web1 since 2026-11-20T22:00:00.000Z',
    });
    await take(repo, 'c3', here, { ...disk, disk: 'sdb' });
    await take(repo, 'd4', here, { ...disk, machine: 'web2' });
    await lease.release();
    await take(repo, 'e5', here);
  });

  it('leaves nothing of itself or of an attempt that failed', async () => {
    const repo = await scratchRepository();
    const lease = await Lease.take(repo, idFrom('a1'), disk, rethrow, somewhere());
    await lease.renew();
    await expect(Lease.take(repo, idFrom('b2'), disk, rethrow, somewhere())).rejects.toMatchObject({ code: 'LOCKED' });
    await lease.release();
    expect(await objects(repo)).toEqual([]);
  });

  it('is held by one of many that race for it', async () => {
    const repo = await scratchRepository();
    const here = somewhere();
    const racers = await Promise.allSettled(['a1', 'b2', 'c3'].map((digits) => take(repo, digits, here)));
    const held = (await findLeases(repo, here)).map(({ id }) => id);
    const winners = racers.flatMap((racer) => (racer.status === 'fulfilled' ? [racer.value.id] : []));
    expect(winners.length).toBeLessThanOrEqual(1);
    expect(held).toEqual(winners);
    for (const racer of racers) if (racer.status === 'rejected') expect(racer.reason).toMatchObject({ code: 'LOCKED' });
  });

  it('is always seen while it is renewed, and holds on from the renewal', async () => {
    const repo = await scratchRepository();
    const here = somewhere();
    const lease = await take(repo, 'a1', here);
    for (let renewal = 1; renewal <= 3; renewal++) {
      here.clock += 9 * minute;
      await lease.renew();
      expect(await objects(repo)).toEqual([leaseName(lease.id, renewal - 1), leaseName(lease.id, renewal)]);
      expect(await findLeases(repo, here)).toMatchObject([
        { id: lease.id, dead: false, record: { since: '2026-11-20T22:00:00.000Z' } },
      ]);
    }
    await lease.check();
  });

  it('is lost when another run removed it, or when it was not renewed in time', async () => {
    const repo = await scratchRepository();
    const here = somewhere();
    const removed = await take(repo, 'a1', here);
    for (const name of await objects(repo)) await repo.store.remove(name);
    await expect(removed.check()).rejects.toMatchObject({ code: 'LEASE_LOST' });
    await expect(removed.renew()).rejects.toMatchObject({ code: 'LEASE_LOST' });
    const late = await take(repo, 'b2', here);
    here.clock += leaseTerm + 1;
    await expect(late.check()).rejects.toMatchObject({ code: 'LEASE_LOST' });
  });

  it('may be taken from a dead holder', async () => {
    const repo = await scratchRepository();
    const gone = somewhere({ pid: 200, startOf: () => '1' });
    await take(repo, 'a1', gone);
    const here = somewhere();
    expect(await findLeases(repo, here)).toMatchObject([{ id: idFrom('a1'), dead: true }]);
    await take(repo, 'b2', here);
  });

  it('that cannot be read keeps everyone out until its term is over', async () => {
    const repo = await scratchRepository();
    await repo.store.put(leaseName(idFrom('a1'), 0), Buffer.from('garbage'));
    const here = somewhere({ now: Date.now });
    await expect(take(repo, 'b2', here)).rejects.toMatchObject({
      code: 'LOCKED',
      params: { since: 'an unknown time' },
    });
    const later = somewhere({ now: () => Date.now() + leaseTerm + 1000 });
    await take(repo, 'c3', later);
  });
});

describe('isDead', () => {
  const record: LeaseRecord = {
    id: idFrom('a1'),
    ...disk,
    host: 'web1',
    machineId: 'machine-1',
    bootId: 'boot-1',
    pidNamespace: 'pid:[1]',
    pid: 100,
    pidStart: '5000',
    since: '2026-11-20T22:00:00Z',
    expires: '2026-11-20T22:10:00Z',
  };
  const cases: [string, Partial<LeaseRecord>, boolean][] = [
    ['of this process', {}, false],
    ['whose process is gone', { pid: 101 }, true],
    ['whose process id is another process by now', { pidStart: '4999' }, true],
    ['of a machine that has been started again', { bootId: 'boot-0' }, true],
    ['that was not renewed', { expires: '2026-11-20T21:59:59Z' }, true],
    ['of another machine', { host: 'web2', machineId: 'machine-2', bootId: 'boot-9', pid: 101 }, false],
    ['of another machine of the same name', { machineId: 'machine-2', bootId: 'boot-9', pid: 101 }, false],
    ['of a machine that cannot be told from its clones', { machineId: '', bootId: 'boot-9', pid: 101 }, false],
    ['of a container on this machine', { host: 'c1', pidNamespace: 'pid:[2]', pid: 101 }, false],
  ];
  it.each(cases)('knows a lease %s', (_, fields, dead) => {
    expect(isDead({ ...record, ...fields }, somewhere())).toBe(dead);
  });

  it('takes this very process for alive and a pid that cannot be for gone', () => {
    const here = thisProcess();
    expect(here.startOf(process.pid)).toMatch(/^\d+$/);
    expect(here.startOf(2 ** 30)).toBeNull();
  });
});
