/**
 * Backups over a line as a branch office has it: 200 ms of delay, 2 % of losses, little bandwidth, and no network at all for a while. With `--long`
 * at 1 Mbit/s with packs of full size.
 */
import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { openBucket, openS3Store } from '../../src/repository/stores/s3/open.ts';
import { openBench } from '../e2e/strata.ts';
import { type Ceph, environmentFor } from '../lab/ceph.ts';
import { type Conditions, type FaultProxy, type Loss, startFaultProxy } from '../lab/fault-proxy.ts';
import { announceNoCeph, clientOf, makeBucket } from '../lab/shared-ceph.ts';
import { makeBytes } from '../model/bytes.ts';
import { randomFrom } from '../model/random.ts';

const skipped = announceNoCeph('fault/poor-network.test.ts');
const bench = await openBench();
const bucket = `poor-${randomBytes(8).toString('hex')}`;
const mib = 1024 ** 2;
const long = process.env.STRATA_LONG === '1';
const packSize = long ? 32 * mib : mib;
const rate = (long ? 1_000_000 : 8_000_000) / 8;
const content = makeBytes(long ? 48 * mib : 4 * mib, 1);
const cutFor = long ? 90_000 : 1000;
/**
 * What comes twice although it is heeded: what the cut finds under way, a part of a pack, or as many small packs as are sent at once; and with packs of
 * full size what goes in the 20 s after which a pack is sent in parts, with what the system had taken of it by then.
 */
const underWay = long ? 15 * mib : 4 * packSize;
const disk = bench.path('disk.img');

let ceph: Ceph;
let proxy: FaultProxy;

/** A repository at a prefix, and the environment of who uses it through the proxy. */
async function repositoryAt(prefix: string) {
  const repo = `s3://${bucket}/${prefix}`;
  await bench.document(['init', '--repo', repo, '--no-encryption'], { env: environmentFor(ceph) });
  const client = clientOf(ceph);
  const config = { Bucket: bucket, Key: `${prefix}/strata.json` };
  const { Body } = await client.send(new GetObjectCommand(config));
  const settings = JSON.parse((await Body?.transformToString()) ?? '');
  await client.send(new PutObjectCommand({ ...config, Body: JSON.stringify({ ...settings, packSize }) }));
  client.destroy();
  return {
    words: ['backup', disk, '--repo', repo, '--machine', 'm'],
    repo,
    env: { ...environmentFor({ ...ceph, endpoint: proxy.endpoint }), XDG_CACHE_HOME: bench.path(`${prefix}.cache`) },
  };
}

function poorFor(test: Partial<Conditions>): void {
  Object.assign(proxy.conditions, test);
  onTestFinished(() => {
    for (const name of Object.keys(test) as (keyof Conditions)[]) delete proxy.conditions[name];
  });
}

beforeAll(async () => {
  if (skipped) return;
  ceph = await makeBucket(bucket);
  proxy = await startFaultProxy(ceph.endpoint);
  await writeFile(disk, content);
  return () => proxy.close();
}, 120_000);

describe.skipIf(skipped)('over a poor network', { timeout: long ? 3_600_000 : 120_000 }, () => {
  test('a backup that is killed half way goes on with what arrived, outlasts a cut, and sends none of it twice', async () => {
    const { words, env, repo } = await repositoryAt('resumed');
    const random = randomFrom(5);
    const lose = (): Loss | null => {
      if (!random.chance(0.02)) return null;
      return { kind: random.chance(0.5) ? 'reset' : 'stall', after: random.below(mib) };
    };
    poorFor({ delay: 100, delayBack: 100, rate, lose });
    const killed = bench.start(words, { env });
    killed.end();
    await proxy.received(proxy.bytes.up + content.length * 0.75);
    killed.kill('SIGKILL');
    expect((await killed.outcome).code).toBeNull();

    const before = proxy.bytes.up;
    const running = bench.start([...words, '--json'], { env });
    running.end();
    await proxy.received(before + content.length * 0.15);
    await proxy.unplug();
    setTimeout(() => void proxy.plugIn(), cutFor);
    const { code, stdout, stderr } = await running.outcome;
    expect({ code, stderr }).toMatchObject({ code: 0 });
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const { bytes: arrived } = events.find(({ event }) => event === 'resumed');
    expect(arrived).toBeGreaterThanOrEqual(packSize);
    const { point, storage } = events.at(-1);
    expect(storage.retries).toBeGreaterThan(0);
    expect(proxy.bytes.up - before).toBeLessThan(1.1 * (content.length - arrived) + underWay);

    const out = bench.path('resumed.out');
    await bench.events(['restore', point, '--to', out, '--repo', repo], { env: environmentFor(ceph) });
    expect((await readFile(out)).equals(content)).toBe(true);
  });

  test('a pack of which parts had arrived when its run died is finished with the others alone', async () => {
    const prefix = 'parts';
    process.env.XDG_CACHE_HOME = bench.path('parts.cache');
    Object.assign(process.env, environmentFor(ceph));
    const { endpoint } = proxy;
    const storage = { endpoint, pathStyle: true, plainHttp: true, uploadLimit: null, downloadLimit: null };
    const store = openS3Store(`s3://${bucket}/${prefix}`, { storage });
    onTestFinished(() => store.close());
    const pack = makeBytes(12 * mib, 4);
    const name = 'packs/34/12345678901234567890123456781234';
    const file = join(await store.spool('dead'), `${basename(name)}.pack`);
    await writeFile(file, pack);
    const other = openBucket(bucket, storage);
    const uploadId = await other.uploads.start(`${prefix}/${name}`);
    await other.uploads.send(`${prefix}/${name}`, uploadId, 1, pack.subarray(0, 5 * mib));
    // Of other bytes: it is not believed.
    await other.uploads.send(`${prefix}/${name}`, uploadId, 3, makeBytes(2 * mib, 9));
    other.close();
    const before = proxy.bytes.up;
    await store.finishUploads('living');
    expect(await store.stat(name)).toBeNull();
    await store.finishUploads('dead');
    expect((await store.get(name)).equals(pack)).toBe(true);
    expect(proxy.bytes.up - before).toBeLessThan(7.1 * mib);
    expect(store.traffic.requests).toMatchObject({ ListParts: 1, UploadPart: 2, CompleteMultipartUpload: 1 });
  });

  test('a backup that cannot be done in its time is stopped early, and what arrived is used by the next', async () => {
    const { words, env } = await repositoryAt('hopeless');
    const large = bench.path('large.img');
    await writeFile(large, makeBytes(48 * mib, 3));
    poorFor({ rate: mib / 4 });
    const limited = [...words.with(1, large), '--max-duration', '1min'];
    const stopped = await bench.events(limited, { env, code: 1 });
    expect(stopped.at(-1)).toMatchObject({
      event: 'error',
      code: 'BACKUP_TOO_SLOW',
      message: expect.stringMatching(
        /was stopped after \d+ s, as it may take 60 s: \d+ MiB are left to store at \d+ KiB\/s/,
      ),
    });
    expect(stopped).toContainEqual(
      expect.objectContaining({ event: 'progress', secondsLeft: expect.toSatisfy((seconds: number) => seconds > 60) }),
    );
    delete proxy.conditions.rate;
    const next = await bench.events(limited, { env });
    expect(next.at(-1).blocks.deduplicated).toBeGreaterThan(0);
  });
});
