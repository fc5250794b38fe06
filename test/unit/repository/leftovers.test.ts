import { utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { StrataEvent } from '../../../src/repository/events.ts';
import { type Here, thisProcess } from '../../../src/repository/here.ts';
import { Lease } from '../../../src/repository/lease.ts';
import { clearLeftovers } from '../../../src/repository/leftovers.ts';
import { listPacks, packName } from '../../../src/repository/packs.ts';
import type { Repository } from '../../../src/repository/repository.ts';
import { scratchRepository } from '../scratch.ts';
import { idFrom, putManifests, sampleManifest } from './manifests.ts';

const disk = { purpose: 'backup', machine: 'web1', disk: 'sda' } as const;
const dead: Here = { ...thisProcess(), pid: 2 ** 30, startOf: () => '1' };

/** What a run that is killed leaves: a lease, a spool with half a pack, and packs that arrived. */
async function kill(repo: Repository, digits: string, packs: number, here = dead): Promise<string> {
  const id = idFrom(digits);
  await Lease.take(repo, id, { ...disk, disk: digits }, () => undefined, here);
  await writeFile(join(await repo.store.spool(id), 'half'), 'x');
  for (let n = 0; n < packs; n++) await repo.store.put(packName(`${id}0000000${n}`), Buffer.alloc(1000));
  return id;
}

async function clear(repo: Repository): Promise<StrataEvent[]> {
  const events: StrataEvent[] = [];
  await clearLeftovers(repo, await listPacks(repo), (event) => events.push(event));
  return events;
}

async function names(repo: Repository, prefix: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name } of repo.store.list(prefix)) found.push(name);
  return found;
}

describe('clearLeftovers', () => {
  it('tells of a dead run, keeps its packs and removes the rest', async () => {
    const repo = await scratchRepository();
    const run = await kill(repo, 'a1', 2);
    expect(await clear(repo)).toEqual([{ event: 'resumed', run, machine: 'web1', disk: 'a1', packs: 2, bytes: 2000 }]);
    expect(await names(repo, 'leases/')).toEqual([]);
    expect(await repo.store.spools()).toEqual([]);
    expect(await names(repo, 'packs/')).toHaveLength(2);
    expect(await clear(repo)).toEqual([]);
  });

  it('says nothing of a run that had come to its point', async () => {
    const repo = await scratchRepository();
    const id = await kill(repo, 'a1', 1);
    await putManifests(repo, sampleManifest({ id }));
    expect(await clear(repo)).toEqual([]);
    expect(await names(repo, 'leases/')).toEqual([]);
  });

  it('leaves a living run alone', async () => {
    const repo = await scratchRepository();
    const id = await kill(repo, 'a1', 1, thisProcess());
    expect(await clear(repo)).toEqual([]);
    expect(await repo.store.spools()).toEqual([id]);
    expect(await names(repo, 'leases/')).toHaveLength(1);
  });

  it('removes what has no owner at all', async () => {
    const repo = await scratchRepository();
    await repo.store.spool(idFrom('b2'));
    const [old, fresh] = [repo.store.localPath('tmp/put-old'), repo.store.localPath('tmp/put-fresh')];
    for (const path of [old, fresh]) await writeFile(path, 'x');
    await utimes(old, 0, 0);
    expect(await clear(repo)).toEqual([]);
    expect(await repo.store.spools()).toEqual([]);
    expect([await repo.store.stat('tmp/put-old'), (await repo.store.stat('tmp/put-fresh'))?.bytes]).toEqual([null, 1]);
  });
});
