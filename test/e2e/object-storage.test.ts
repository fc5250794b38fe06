/** A repository in a bucket, from the command line: all that a local one can do, and what can go wrong on the way. */
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DeleteBucketPolicyCommand, PutBucketPolicyCommand } from '@aws-sdk/client-s3';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { CacheRoom } from '../../src/repository/stores/cache-room.ts';
import { chunkBytes, RangeCache } from '../../src/repository/stores/range-cache.ts';
import { environmentFor, limitedUser } from '../lab/ceph.ts';
import { type FaultProxy, startFaultProxy } from '../lab/fault-proxy.ts';
import { announceNoCeph, clientOf, makeBucket, sharedCeph } from '../lab/shared-ceph.ts';
import { makeBytes } from '../model/bytes.ts';
import { type Json, openBench, passphrase, sha256 } from './strata.ts';

const skipped = announceNoCeph('object-storage.test.ts');
const bench = await openBench(passphrase);
const bucket = `e2e-${randomBytes(8).toString('hex')}`;
const mib = 1024 ** 2;
const disk = bench.path('disk.img');
let env: Readonly<Record<string, string>> = {};
let proxy: FaultProxy;
const hashes = new Map<string, string>();

beforeAll(async () => {
  if (skipped) return;
  const ceph = await makeBucket(bucket);
  proxy = await startFaultProxy(ceph.endpoint);
  env = { ...environmentFor({ ...ceph, endpoint: proxy.endpoint }), STRATA_REPO: `s3://${bucket}/some/prefix` };
  return () => proxy.close();
}, 120_000);

async function backup(n: number, name = 'd'): Promise<Json> {
  const image = await readFile(disk).catch(() => makeBytes(40 * mib, 1));
  makeBytes(2 * mib, 100 + n).copy(image, (n % 10) * 4 * mib);
  await writeFile(disk, image);
  const result = (await bench.events(['backup', disk, '--machine', 'm', '--disk', name], { env })).at(-1);
  hashes.set(result.point, await sha256(disk));
  return result;
}

async function expectContent(point: string, like = point): Promise<void> {
  const out = bench.path('out.img');
  await bench.events(['restore', point, '--to', out, '--force'], { env });
  expect(await sha256(out)).toBe(hashes.get(like));
}

describe.skipIf(skipped)('a repository in a bucket', { timeout: 120_000 }, () => {
  const ids: string[] = [];

  test('is made, and not made twice', async () => {
    const made = await bench.document(['init'], { env });
    expect(made).toMatchObject({ location: `s3://${bucket}/some/prefix`, encryption: 'aes-256-gcm' });
    const again = await bench.strata(['init'], { env });
    expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining('there is a repository at s3://') });
  });

  test('takes points, shows them, and gives them back', async () => {
    for (let n = 0; n < 4; n++) ids.push((await backup(n)).point);
    const points = await bench.document(['points'], { env });
    expect(points.map(({ id }: Json) => id)).toEqual(ids.toReversed());
    expect(points[0]).toMatchObject({ kind: 'incremental', chainLength: 4 });
    for (const id of ids) await expectContent(id);
    // What was listed before is not fetched again.
    const from = proxy.asked.length;
    expect(await bench.document(['points'], { env })).toEqual(points);
    const fetched = proxy.asked.slice(from).filter(({ method, url }) => method === 'GET' && url.includes('/points/'));
    expect(fetched).toEqual([]);
    expect(await bench.document(['diff', ids[0] ?? '', ids[1] ?? ''], { env })).not.toEqual([]);
    const unchanged = (await bench.events(['backup', disk, '--machine', 'm', '--disk', 'd'], { env })).at(-1);
    expect(unchanged).toMatchObject({ bytesNew: 0 });
  });

  test('is verified against the server, not against a copy', async () => {
    expect((await bench.events(['verify', '--all'], { env })).at(-1)).toMatchObject({ damaged: 0 });
  });

  test('is mounted', async () => {
    const directory = bench.path('mounted');
    await mkdir(directory);
    await bench.document(['mount', directory], { env });
    try {
      expect(await sha256(join(directory, 'm/d/latest/disk.raw'))).toBe(await sha256(disk));
    } finally {
      await bench.document(['umount', directory], { env });
    }
    expect(await readdir(directory)).toEqual([]);
  });

  test('gives a second mount what a first one read without asking the server, and goes by it when that is wrong', async () => {
    const directory = bench.path('mounted-twice');
    await mkdir(directory);
    const copies = bench.path('copies');
    const kept = { ...env, XDG_CACHE_HOME: copies };
    const askedFor = () => proxy.asked.filter(({ method, url }) => method === 'GET' && url.includes('/packs/')).length;
    const readMounted = async (meanwhile = async () => {}) => {
      const before = askedFor();
      await bench.document(['mount', directory], { env: kept });
      try {
        await meanwhile();
        expect(await sha256(join(directory, 'm/d/latest/disk.raw'))).toBe(await sha256(disk));
      } finally {
        await bench.document(['umount', directory], { env: kept });
      }
      return askedFor() - before;
    };
    expect(await readMounted()).toBeGreaterThan(5);
    expect(await readMounted()).toBe(0);

    const restored = ['restore', 'm/d@latest', '--to', bench.path('kept.img')];
    const { storage } = (await bench.events(restored, { env: kept })).at(-1);
    expect(storage.requests.GetObject).toBeLessThan(30);
    expect(storage.fromCache).toMatchObject({ bytes: expect.toSatisfy((bytes: number) => bytes > 40 * mib) });
    expect(await sha256(bench.path('kept.img'))).toBe(await sha256(disk));

    // Copies of wrong bytes that fit their sums.
    const files = (await readdir(copies, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
    const packs = files.filter(({ parentPath }) => /\/copies\/packs\/..$/.test(parentPath));
    expect(packs.length).toBeGreaterThan(2);
    for (const { parentPath, name } of packs) {
      const cache = new RangeCache(new CacheRoom(parentPath, 2 ** 30), (warning) => expect(warning).toBeUndefined());
      cache.keep(name, 10 * chunkBytes, makeBytes(chunkBytes, 1));
      await cache.settled();
    }
    expect(await readMounted()).toBeGreaterThan(0);
    expect(await readMounted()).toBe(0);
    expect(await readMounted(() => rm(join(copies, 'strata'), { recursive: true }))).toBeGreaterThan(10);
    const none = { ...kept, STRATA_LIMIT_CACHE: '0' };
    expect((await bench.events([...restored, '--force'], { env: none })).at(-1).storage.fromCache.bytes).toBe(0);
  });

  test('is merged, thinned and collected', async () => {
    const merged = (await bench.events(['synthesize', 'm/d'], { env })).at(-1);
    expect(merged).toMatchObject({ bytesThroughClient: 0 });
    const other = bench.path('other.img');
    for (const seed of [500, 501]) {
      await writeFile(other, makeBytes(4 * mib, seed));
      await bench.events(['backup', other, '--machine', 'm'], { env });
    }
    await bench.document(['forget', '--keep-last', '1'], { env });
    const collected = (await bench.events(['gc', '--grace', '0'], { env })).at(-1);
    expect(collected.freed).toMatchObject({ packs: 1, bytes: expect.toSatisfy((bytes: number) => bytes > 4 * mib) });
    await expectContent(merged.point, ids.at(-1) ?? '');
    expect((await bench.events(['verify', '--all'], { env })).at(-1)).toMatchObject({ damaged: 0 });
  });

  test('is copied into new packs by way of this machine', async () => {
    await backup(9);
    const copied = (await bench.events(['synthesize', 'm/d', '--mode', 'copy'], { env })).at(-1);
    expect(copied.bytesThroughClient).toBeGreaterThan(0);
    await expectContent(copied.point, [...hashes.keys()].at(-1) ?? '');
  });

  test('survives a bad network', async () => {
    let n = 0;
    proxy.conditions.fault = ({ method }) => {
      n += 1;
      if (n % 7 === 0) return { kind: 'refuse', status: 503, code: 'SlowDown' };
      if (n % 11 === 0) return { kind: 'lose-answer' };
      if (n % 13 === 0 && method === 'PUT') return { kind: 'cut-up', after: 100_000 };
      if (n % 5 === 0 && method === 'GET') return { kind: 'cut-down', after: 1000 };
      return null;
    };
    onTestFinished(() => {
      delete proxy.conditions.fault;
    });
    const { point } = await backup(11, 'bad-network');
    await expectContent(point);
  });

  test('takes points from who may only add, and names the permission that is missing', async () => {
    const client = clientOf(await sharedCeph());
    onTestFinished(() => client.destroy());
    const grant = (...actions: readonly string[]) =>
      client.send(
        new PutBucketPolicyCommand({
          Bucket: bucket,
          Policy: JSON.stringify({
            Version: '2012-10-17',
            Statement: [
              {
                Effect: 'Allow',
                Principal: { AWS: [`arn:aws:iam:::user/${limitedUser.uid}`] },
                Action: actions.map((action) => `s3:${action}`),
                Resource: [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`],
              },
            ],
          }),
        }),
      );
    const { accessKey, secretKey } = limitedUser;
    const owner = { ...env, STRATA_REPO: `s3://${bucket}/limited` };
    const limited = { ...owner, AWS_ACCESS_KEY_ID: accessKey, AWS_SECRET_ACCESS_KEY: secretKey };
    await bench.document(['init'], { env: owner });
    const words = ['backup', disk, '--machine', 'm', '--disk', 'limited'];

    await grant('ListBucket', 'GetObject', 'PutObject');
    const { point } = (await bench.events(words, { env: limited })).at(-1);
    const unneeded = (await bench.events(words, { env: limited })).at(-1).point;
    await bench.events(['restore', point, '--to', bench.path('limited.img')], { env: limited });
    expect(await sha256(bench.path('limited.img'))).toBe(await sha256(disk));
    await bench.document(['forget', unneeded], { env: limited });
    const collected = await bench.strata(['gc', '--grace', '0'], { env: limited });
    expect(collected).toMatchObject({ code: 1, stderr: expect.stringContaining('grant s3:DeleteObject') });

    const missing: readonly [readonly string[], string, readonly string[]][] = [
      [['GetObject', 'PutObject'], 's3:ListBucket', words],
      [['ListBucket', 'PutObject'], 's3:GetObject', words],
      [['ListBucket', 'GetObject'], 's3:PutObject', words],
      [[], 's3:GetObject', ['points']],
    ];
    for (const [granted, permission, command] of missing) {
      await grant(...granted, 'GetBucketLocation');
      const { code, stderr } = await bench.strata(command, { env: limited });
      expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining(`grant ${permission}`) });
    }
    await client.send(new DeleteBucketPolicyCommand({ Bucket: bucket }));
  });

  test('warns of a clock that is wrong', async () => {
    proxy.conditions.alter = (headers) => ({ ...headers, date: new Date(Date.now() - 120_000).toUTCString() });
    onTestFinished(() => {
      delete proxy.conditions.alter;
    });
    const events = await bench.events(['backup', disk, '--machine', 'm', '--disk', 'clock'], { env, code: 3 });
    expect(events).toContainEqual(
      expect.objectContaining({
        code: 'CLOCK_WRONG',
        message: expect.stringMatching(/is 1[12]\d s ahead of that of the object storage/),
      }),
    );
  });

  test('tells its secrets to nobody', async () => {
    const { code, stdout, stderr } = await bench.strata(['points', '-v', '--json'], { env });
    expect(code).toBe(0);
    const directory = bench.path('secret');
    await mkdir(directory);
    await bench.document(['mount', directory], { env });
    const [{ pid }] = await bench.document(['mounts'], { env });
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8');
    await bench.document(['umount', directory], { env });
    expect(line).toContain('--s3-endpoint');
    for (const text of [stdout, stderr, line]) {
      expect(text).not.toContain(env.AWS_SECRET_ACCESS_KEY);
      expect(text).not.toContain(passphrase);
    }
  });

  test('says in one line what cannot be', async () => {
    const elsewhere = { ...env, STRATA_S3_ENDPOINT: 'http://127.0.0.1:9' };
    const refused: readonly [string, Readonly<Record<string, string>>, number, RegExp][] = [
      [`s3://${bucket}-none/x`, env, 10, /there is no bucket .*-none/],
      [`s3://${bucket}/none`, env, 10, /no repository at s3:.*none: there is no strata.json/],
      [`s3://${bucket}/some/prefix`, { ...env, AWS_SECRET_ACCESS_KEY: 'wrong-secret' }, 1, /does not accept the key/],
      [`s3://${bucket}/some/prefix`, { ...env, AWS_ACCESS_KEY_ID: 'nobody' }, 1, /does not accept the key/],
      [`s3://${bucket}/some/prefix`, { ...env, STRATA_S3_PLAIN_HTTP: '' }, 2, /plain http/],
      [`s3://${bucket}/some/prefix`, { ...env, STRATA_S3_ENDPOINT: 'nonsense' }, 2, /must be a URL/],
      [`s3://${bucket}/some/prefix`, elsewhere, 1, /cannot be reached/],
      [`s3://${bucket}/some//prefix`, env, 2, /no part of a prefix is empty/],
      ['s3://B/x', env, 2, /a bucket has 3 to 63/],
      ['sftp://host/x', env, 1, /a repository at sftp:\/\/ is not supported/],
    ];
    for (const [repo, settings, exit, message] of refused) {
      const { code, stdout, stderr } = await bench.strata(['points', '--repo', repo], { env: settings });
      expect({ repo, code, stdout }).toEqual({ repo, code: exit, stdout: '' });
      expect(stderr).toMatch(message);
      expect(stderr).not.toMatch(/wrong-secret/);
      expect(stderr.split('\n').length, stderr).toBeLessThanOrEqual(3);
    }
    const inits: readonly [string, RegExp][] = [
      ['some', /is not empty and not a repository/],
      ['some/prefix/deeper', /lies within the repository s3:/],
    ];
    for (const [prefix, message] of inits) {
      const { code, stderr } = await bench.strata(['init', '--repo', `s3://${bucket}/${prefix}`], { env });
      expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringMatching(message) });
    }
  });
});
