/**
 * A backup into a bucket that dies at any of its requests: before the server hears of it, or when it has done what was asked and the answer
 * is on its way. Older points stay, and the next run finishes.
 */
import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import {
  CopyObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { beforeAll, describe, expect, test } from 'vitest';
import { openBench, type Running } from '../e2e/strata.ts';
import { type Ceph, environmentFor } from '../lab/ceph.ts';
import { type FaultProxy, startFaultProxy } from '../lab/fault-proxy.ts';
import { announceNoCeph, clientOf, makeBucket } from '../lab/shared-ceph.ts';
import { makeBytes } from '../model/bytes.ts';
import { openEngine } from '../model/engine.ts';

const skipped = announceNoCeph('fault/object-storage.test.ts');
const bench = await openBench();
const bucket = `fault-${randomBytes(8).toString('hex')}`;
const mib = 1024 ** 2;
const disk = bench.path('disk.img');
const before = makeBytes(16 * mib, 1);
const after = Buffer.from(before);
makeBytes(9 * mib, 2).copy(after, 2 * mib);

let ceph: Ceph;
let proxy: FaultProxy;
let client: S3Client;
let first: string;
let requests: number;

const backupTo = (prefix: string) => ['backup', disk, '--repo', `s3://${bucket}/${prefix}`, '--machine', 'm', '--json'];
const cacheOf = (prefix: string) => bench.path(`${prefix}.cache`);
const env = (prefix: string) => ({
  ...environmentFor({ ...ceph, endpoint: proxy.endpoint }),
  XDG_CACHE_HOME: cacheOf(prefix),
});

/** Copies the repository, within the server. */
async function copyRepository(to: string): Promise<void> {
  const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: 'repo/' }));
  for (const { Key = '' } of Contents) {
    const target = { Bucket: bucket, Key: `${to}${Key.slice('repo'.length)}` };
    await client.send(new CopyObjectCommand({ ...target, CopySource: `${bucket}/${Key}` }));
  }
}

beforeAll(async () => {
  if (skipped) return;
  ceph = await makeBucket(bucket);
  client = clientOf(ceph);
  proxy = await startFaultProxy(ceph.endpoint);
  Object.assign(process.env, environmentFor(ceph));
  const repo = `s3://${bucket}/repo`;
  await bench.document(['init', '--repo', repo, '--no-encryption', '--block-size', '64K'], { env: env('repo') });
  await makePacksSmall();
  await writeFile(disk, before);
  first = (await bench.events(backupTo('repo').slice(0, -1), { env: env('repo') })).at(-1).point;
  await writeFile(disk, after);
  await copyRepository('counted');
  const from = proxy.asked.length;
  await bench.events(backupTo('counted').slice(0, -1), { env: env('counted') });
  requests = proxy.asked.length - from;
  return async () => {
    client.destroy();
    await proxy.close();
  };
}, 120_000);

/** Little data is to make several. */
async function makePacksSmall(): Promise<void> {
  const config = { Bucket: bucket, Key: 'repo/strata.json' };
  const { Body } = await client.send(new GetObjectCommand(config));
  const content = JSON.parse((await Body?.transformToString()) ?? '');
  await client.send(new PutObjectCommand({ ...config, Body: JSON.stringify({ ...content, packSize: 4 * mib }) }));
}

async function dieAt(n: number, moment: 'before' | 'after'): Promise<void> {
  const prefix = `${moment}-${n}`;
  await copyRepository(prefix);
  const from = proxy.asked.length;
  let running: Running | undefined;
  proxy.conditions.fault = ({ n: asked }) => {
    if (moment === 'after' && asked - from === n) return { kind: 'lose-answer' };
    // By the next request the server has done what the lost answer was about.
    if (asked - from < (moment === 'before' ? n : n + 1)) return null;
    running?.kill('SIGKILL');
    return { kind: 'hang' };
  };
  running = bench.start(backupTo(prefix), { env: env(prefix) });
  running.end();
  const { code } = await running.outcome;
  delete proxy.conditions.fault;
  // After the last there is no next.
  if (moment === 'before') expect(code).toBeNull();

  const { endpoint } = ceph;
  const storage = { endpoint, pathStyle: true, plainHttp: true, uploadLimit: null, downloadLimit: null };
  process.env.XDG_CACHE_HOME = cacheOf(prefix);
  const engine = await openEngine(`s3://${bucket}/${prefix}`, { storage }, bench.path(`${prefix}.out`));
  try {
    expect(await engine.damaged()).toBe(0);
    const points = await engine.points();
    expect(points.at(-1)).toBe(first);
    await engine.expectContent(first, before);
    for (const point of points.slice(0, -1)) await engine.expectContent(point, after);
    await engine.expectContent(await engine.backup(disk, cacheOf(prefix)), after);
    expect(await engine.remains()).toEqual({ deadRuns: [], unusedPacks: { count: 0, bytes: 0 } });
  } finally {
    await engine.close();
  }
}

describe.skipIf(skipped)('a backup into a bucket', { timeout: 300_000 }, () => {
  test('is killed at its requests, before and after the server has done them', async () => {
    expect(requests).toBeGreaterThan(15);
    const stride = process.env.STRATA_LONG === '1' ? 1 : 13;
    for (let n = 0; n < requests; n += stride) {
      await dieAt(n, 'before');
      await dieAt(n, 'after');
    }
  });

  test.for(['backup', 'restore'])(
    'a %s that waits for the network ends at once when it is told to',
    async (command) => {
      const prefix = `stopped-${command}`;
      await copyRepository(prefix);
      const verb = command === 'backup' ? 'PUT' : 'GET';
      const hung = Promise.withResolvers<void>();
      proxy.conditions.fault = ({ method, url }) => {
        if (method !== verb || !url.includes('/packs/')) return null;
        hung.resolve();
        return { kind: 'hang' };
      };
      const to = ['restore', first, '--to', bench.path('stopped.out'), '--repo', `s3://${bucket}/${prefix}`, '--json'];
      const running = bench.start(command === 'backup' ? backupTo(prefix) : to, { env: env(prefix) });
      running.end();
      await hung.promise;
      running.kill('SIGINT');
      const { code, stdout } = await running.outcome;
      delete proxy.conditions.fault;
      expect({ code, last: stdout.trim().split('\n').at(-1) }).toEqual({
        code: 130,
        last: expect.stringContaining('"INTERRUPTED"'),
      });
    },
  );

  test('of a machine whose network is gone for a while goes on where it was', async () => {
    await copyRepository('unplugged');
    let puts = 0;
    proxy.conditions.fault = ({ method, url }) => {
      if (method !== 'PUT' || !url.includes('/packs/') || ++puts !== 2) return null;
      void proxy.unplug().then(() => setTimeout(() => void proxy.plugIn(), 3000));
      return { kind: 'hang' };
    };
    const result = (await bench.events(backupTo('unplugged').slice(0, -1), { env: env('unplugged') })).at(-1);
    delete proxy.conditions.fault;
    expect(result.storage.retries).toBeGreaterThan(0);
    const out = bench.path('unplugged.out');
    const words = ['restore', result.point, '--to', out, '--repo', `s3://${bucket}/unplugged`];
    await bench.events(words, { env: env('unplugged') });
    expect((await readFile(out)).equals(after)).toBe(true);
  });
});
