/** Versions and locks on a real server: what they keep from whom, what collections do about them, and what becomes of lost answers. */
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import {
  DeleteObjectCommand,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  PutObjectRetentionCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { collect } from '../../src/repository/collection/collect.ts';
import { newConfig } from '../../src/repository/config.ts';
import { thisProcess } from '../../src/repository/here.ts';
import { addKey, changePassphrase, listKeys, removeKey, storeKey } from '../../src/repository/keys.ts';
import { manifestName } from '../../src/repository/manifest.ts';
import { writeMark } from '../../src/repository/marks.ts';
import { Repository } from '../../src/repository/repository.ts';
import type { LockRule } from '../../src/repository/stores/lock.ts';
import { openS3Store } from '../../src/repository/stores/s3/open.ts';
import type { ObjectStore } from '../../src/repository/stores/store.ts';
import { environmentFor } from '../lab/ceph.ts';
import { type FaultProxy, startFaultProxy } from '../lab/fault-proxy.ts';
import { announceNoCeph, clientOf, makeBucket } from '../lab/shared-ceph.ts';
import { randomFrom } from '../model/random.ts';
import { World } from '../model/world.ts';
import { scratchFolder, scratchMemory } from '../unit/scratch.ts';

const skipped = announceNoCeph('object-lock.test.ts');
const day = 86_400_000;
const mib = 1024 ** 2;
const month: LockRule = { mode: 'compliance', days: 30 };
const never = new AbortController().signal;
const quiet = () => undefined;

interface Lab {
  readonly bucket: string;
  readonly client: S3Client;
  readonly proxy: FaultProxy;
  readonly location: string;
  /** A store with a cache of its own. */
  open(): Promise<ObjectStore>;
  readonly storage: Parameters<typeof openS3Store>[1]['storage'];
}

/** A bucket behind a proxy. */
async function openLab({ lock = true } = {}): Promise<Lab> {
  const bucket = `lock-${randomBytes(8).toString('hex')}`;
  const ceph = await makeBucket(bucket, { lock });
  const proxy = await startFaultProxy(ceph.endpoint);
  const client = clientOf(ceph);
  onTestFinished(async () => {
    client.destroy();
    await proxy.close();
  });
  Object.assign(process.env, environmentFor(ceph));
  const { endpoint } = proxy;
  const storage = { endpoint, pathStyle: true, plainHttp: true, uploadLimit: null, downloadLimit: null };
  const location = `s3://${bucket}/repo`;
  const open = async () => {
    process.env.XDG_CACHE_HOME = await scratchFolder();
    const store = openS3Store(location, { storage });
    onTestFinished(() => store.close());
    return store;
  };
  return { bucket, client, proxy, location, open, storage };
}

async function versionsOf({ client, bucket }: Lab, name: string): Promise<number> {
  const found = await client.send(new ListObjectVersionsCommand({ Bucket: bucket, Prefix: `repo/${name}` }));
  return (found.Versions ?? []).length;
}

/** What somebody does who may write, and means harm. */
async function harm({ client, bucket }: Lab, name: string): Promise<void> {
  const target = { Bucket: bucket, Key: `repo/${name}` };
  await client.send(new DeleteObjectCommand(target));
  await client.send(new PutObjectCommand({ ...target, Body: 'worthless' }));
  await client.send(new DeleteObjectCommand(target));
}

/** A repository as `init` leaves it, but without the probe, which the tests of the command line go through. */
async function openWorld(lab: Lab, lock: LockRule): Promise<World> {
  const store = await lab.open();
  store.lockBy(lock);
  const config = newConfig({ blockSize: 65536, encryption: false, lock }, {});
  await store.put('strata.json', Buffer.from(JSON.stringify(config)));
  const repo = await Repository.open(lab.location, async () => '', { storage: lab.storage });
  onTestFinished(() => repo.close());
  return new World(repo, await scratchMemory(), randomFrom(7));
}

/** The end of the lock of each object of a kind. */
async function ends({ store }: Repository, prefix: string): Promise<number[]> {
  const found: number[] = [];
  for await (const name of store.names(prefix)) found.push((await store.locks?.until(name))?.getTime() ?? 0);
  return found;
}

describe.skipIf(skipped)('a bucket that keeps versions', { timeout: 120_000 }, () => {
  it('gives the first version, whatever lies on it', async () => {
    const lab = await openLab();
    const writer = await lab.open();
    const content = randomBytes(10_000);
    for (const name of ['strata.json', 'points/a', 'maps/a.loc']) await writer.put(name, content);
    for (const name of ['strata.json', 'points/a', 'maps/a.loc']) await harm(lab, name);

    const store = await lab.open();
    expect((await store.get('strata.json')).equals(content)).toBe(true);
    expect((await store.getRange('points/a', 1234, 4321)).equals(content.subarray(1234, 5555))).toBe(true);
    expect(await store.stat('points/a')).toMatchObject({ bytes: 10_000 });
    const names: string[] = [];
    for await (const { name, bytes } of store.list('')) names.push(`${name} ${bytes}`);
    expect(names.sort()).toEqual(['maps/a.loc 10000', 'points/a 10000', 'strata.json 10000']);
    expect(await store.bring([{ name: 'maps/a.loc', bytes: 10_000 }])).toEqual([10_000]);
    await expect(store.put('points/a', content)).rejects.toMatchObject({ code: 'OBJECT_EXISTS' });

    await store.remove('points/a');
    expect([await store.stat('points/a'), await versionsOf(lab, 'points/a')]).toEqual([null, 0]);
  });

  it('has an object once when the answer to its creation was lost', async () => {
    const lab = await openLab();
    const store = await lab.open();
    const lost = (isIt: (method: string, url: string) => boolean) => {
      let times = 1;
      lab.proxy.conditions.fault = ({ method, url }) => {
        return isIt(method, url) && times-- > 0 ? { kind: 'lose-answer' } : null;
      };
    };
    lost((method) => method === 'PUT');
    await store.put('points/a', Buffer.from('a'));
    expect(await versionsOf(lab, 'points/a')).toBe(1);
    lost((_, url) => url.includes('versions'));
    await store.put('points/b', Buffer.from('b'));
    await expect(store.put('points/b', Buffer.from('c'))).rejects.toMatchObject({ code: 'OBJECT_EXISTS' });
    expect([(await store.get('points/b')).toString(), await versionsOf(lab, 'points/b')]).toEqual(['b', 1]);
  });

  it('keeps a large object from being written over, and locks it, also when it came in parts', async () => {
    const lab = await openLab();
    const store = await lab.open();
    store.lockBy(month);
    const file = join(await store.spool('a'.repeat(24)), 'pack');
    const content = randomBytes(11 * mib);
    await writeFile(file, content);
    let cuts = 1;
    lab.proxy.conditions.fault = ({ method, url }) =>
      method === 'PUT' && url.includes('packs/') && cuts-- > 0 ? { kind: 'cut-up', after: mib } : null;
    await store.adopt('packs/0f/x', file);
    expect(store.traffic?.requests).toMatchObject({ CompleteMultipartUpload: 1, PutObjectRetention: 1 });
    expect((await store.get('packs/0f/x')).equals(content)).toBe(true);
    await expect(store.remove('packs/0f/x')).rejects.toMatchObject({ code: 'OBJECT_LOCKED' });

    // The server joins of it what it was, not what somebody laid over it.
    await harm(lab, 'packs/0f/x');
    await writeFile(file, 'the end');
    await store.joining?.join('packs/0f/y', [{ name: 'packs/0f/x', offset: 77, length: 6 * mib }], file);
    const joined = Buffer.concat([content.subarray(77, 77 + 6 * mib), Buffer.from('the end')]);
    expect((await store.get('packs/0f/y')).equals(joined)).toBe(true);
    await expect(store.remove('packs/0f/y')).rejects.toMatchObject({ code: 'OBJECT_LOCKED' });
  });
});

describe.skipIf(skipped)('what goes wrong with versions', { timeout: 60_000 }, () => {
  it('is not written to when it keeps them no more', async () => {
    const lab = await openLab({ lock: false });
    const version = (Status: 'Enabled' | 'Suspended') =>
      lab.client.send(new PutBucketVersioningCommand({ Bucket: lab.bucket, VersioningConfiguration: { Status } }));
    const store = await lab.open();
    await store.put('points/a', Buffer.from('a'));
    await version('Enabled');
    // What was there before is the first version.
    await expect(store.put('points/a', Buffer.from('b'))).rejects.toMatchObject({ code: 'OBJECT_EXISTS' });
    expect((await store.get('points/a')).toString()).toBe('a');
    await version('Suspended');
    await expect(store.put('points/b', Buffer.from('b'))).rejects.toMatchObject({ code: 'VERSIONS_SUSPENDED' });
    expect((await store.get('points/a')).toString()).toBe('a');
  });

  it('says what is not granted', async () => {
    const lab = await openLab();
    const store = await lab.open();
    store.lockBy(month);
    const refuse = (isIt: (method: string, url: string) => boolean) => {
      lab.proxy.conditions.fault = ({ method, url }) =>
        isIt(method, url) ? { kind: 'refuse', status: 403, code: 'AccessDenied' } : null;
    };
    await store.put('points/a', Buffer.from('a'));
    const steps: readonly [(method: string, url: string) => boolean, () => Promise<unknown>, string][] = [
      [
        (method) => method === 'PUT',
        () => store.put('points/b', Buffer.from('b')),
        's3:PutObject and s3:PutObjectRetention',
      ],
      [(_, url) => url.includes('versions'), () => store.put('points/c', Buffer.from('c')), 's3:ListBucketVersions'],
      [(method) => method === 'GET', () => store.get('points/a'), 's3:GetObjectVersion'],
      [
        (_, url) => url.includes('retention'),
        () => store.locks?.renew('points/a') ?? Promise.resolve(),
        's3:PutObjectRetention',
      ],
      [(_, url) => url.includes('delete'), () => store.remove('points/a'), 's3:DeleteObjectVersion'],
    ];
    for (const [isIt, step, permission] of steps) {
      refuse(isIt);
      await expect(step()).rejects.toMatchObject({ code: 'STORAGE_FORBIDDEN', params: { permission } });
    }
  });
});

describe.skipIf(skipped)('object lock', { timeout: 120_000 }, () => {
  it('holds for what points need, and for nothing else', async () => {
    const lab = await openLab();
    const store = await lab.open();
    store.lockBy(month);
    const point = 'a'.repeat(24);
    const locked = ['strata.json', 'keys/a.json', `points/${point}`, `maps/${point}.loc`, `marks/${point}.moved.1`];
    const free = [`leases/${point}.0`, `trash/${point}.0`, `marks/${point}.forgotten.1`, 'bad/x.1', 'progress/x.y'];
    for (const name of [...locked, ...free]) await store.put(name, Buffer.from(name));
    for (const name of free) expect(await store.locks?.until(name)).toBeNull();
    const until = Date.now() + 30 * day;
    for (const name of locked) {
      expect(Math.abs(((await store.locks?.until(name))?.getTime() ?? 0) - until)).toBeLessThan(day);
      await expect(store.remove(name)).rejects.toMatchObject({ code: 'OBJECT_LOCKED', params: { name } });
    }
    const stayed = await store.removeAll([...locked, ...free, 'points/none']);
    expect(stayed.map(({ name }) => name).sort()).toEqual(locked.sort());
    for (const name of free) expect(await store.stat(name)).toBeNull();
    for (const name of locked) expect((await store.get(name)).toString()).toBe(name);
  });

  it('is renewed by a collection, of what is needed and has less than half of its days left', async () => {
    const lab = await openLab();
    const world = await openWorld(lab, month);
    await world.backup('a', true);
    await world.backup('b', true);
    const [a, b] = world.kept;
    if (a === undefined || b === undefined) throw new Error('there are no points');
    await writeMark(world.repo, b.id, 'moved', true);
    await world.forget(a);
    const collectAfter = (days: number) => {
      const here = { ...thisProcess(), now: () => Date.now() + days * day };
      return collect(world.repo, { grace: 400 * day, maxUnused: null, dryRun: false }, quiet, never, here);
    };
    const before = await ends(world.repo, '');
    expect(await collectAfter(14)).toMatchObject({ locksRenewed: 0 });
    expect((await ends(world.repo, '')).filter((end) => end > 0)).toEqual(before.filter((end) => end > 0));

    // Configuration, manifest, two columns, one pack, and the mark.
    expect(await collectAfter(16)).toMatchObject({ locksRenewed: 6 });
    const [end = 0] = await ends(world.repo, manifestName(b.id));
    expect(end).toBeGreaterThan(Date.now() + 45 * day);
    expect(await ends(world.repo, manifestName(a.id))).toEqual([
      expect.toSatisfy((old: number) => old < end - 10 * day),
    ]);
    expect(await collectAfter(17)).toMatchObject({ locksRenewed: 0 });

    // Damage keeps a collection from freeing, not from locking.
    await world.repo.store.put(manifestName('f'.repeat(24)), Buffer.from('worthless'));
    await expect(collectAfter(40)).rejects.toMatchObject({ code: 'COLLECTION_UNSAFE' });
    expect((await ends(world.repo, manifestName(b.id)))[0]).toBeGreaterThan(Date.now() + 65 * day);
  });

  it('is waited for by a collection, which frees when it has ended', async () => {
    const lab = await openLab();
    const world = await openWorld(lab, month);
    // Short enough to be waited for.
    world.repo.store.lockBy({ mode: 'compliance', days: 3_000 / day });
    for (const disk of ['a', 'b', 'c']) await world.backup(disk, true);
    const [a, b] = world.kept;
    if (a === undefined || b === undefined) throw new Error('there are no points');
    for (const point of [a, b]) await world.forget(point);
    // Somebody who may lock keeps what he locks, and nothing else.
    const Key = `repo/${manifestName(b.id)}`;
    const Retention = { Mode: 'COMPLIANCE', RetainUntilDate: new Date(Date.now() + 3000 * day) } as const;
    await lab.client.send(new PutObjectRetentionCommand({ Bucket: lab.bucket, Key, Retention }));

    const inDryRun = await collect(world.repo, { grace: 0, maxUnused: null, dryRun: true }, quiet, never);
    expect(inDryRun.locked.points).toBeGreaterThan(0);
    const first = await world.collect(0);
    expect(first.locked.points).toBeGreaterThan(0);
    expect(first.freed.points + first.waiting.points).toBe(2);
    const end = Date.parse(first.locked.until ?? '');
    expect(end).toBeLessThanOrEqual(Date.now() + 3_000);
    await world.check();

    while (Date.now() <= end) await wait(50);
    const later = await world.collect(0);
    expect(first.freed.points + later.freed.points).toBe(1);
    expect(first.freed.packs + later.freed.packs).toBeGreaterThan(0);
    expect(later).toMatchObject({ locked: { points: 1, maps: 2, packs: 0 }, waiting: { points: 1 } });
    expect(await versionsOf(lab, manifestName(a.id))).toBe(0);
    // Its packs may be shared with others: then all of it is there still.
    await world.undelete(b);
    await world.check();
  });

  it('keeps a passphrase from being replaced', async () => {
    const lab = await openLab();
    const store = await lab.open();
    store.lockBy(month);
    const config = newConfig({ blockSize: 65536, encryption: true, lock: month }, {});
    await storeKey(store, config.id, randomBytes(32), 'one', 'first');
    await store.put('strata.json', Buffer.from(JSON.stringify(config)));
    const repo = await Repository.open(lab.location, async () => 'one', { storage: lab.storage });
    onTestFinished(() => repo.close());
    await expect(changePassphrase(repo, 'two')).rejects.toMatchObject({ code: 'OBJECT_LOCKED' });
    expect(await listKeys(repo)).toHaveLength(1);
    const { id } = await addKey(repo, 'two', 'second');
    await expect(removeKey(repo, id)).rejects.toMatchObject({ code: 'OBJECT_LOCKED' });
  });
});
