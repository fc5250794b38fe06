/** Synthetic fulls that the server of an object storage makes: contents do not pass through this machine. */
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { GetObjectCommand, ListMultipartUploadsCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { environmentFor } from '../lab/ceph.ts';
import { type FaultProxy, startFaultProxy } from '../lab/fault-proxy.ts';
import { announceNoCeph, clientOf, makeBucket } from '../lab/shared-ceph.ts';
import { makeBytes } from '../model/bytes.ts';
import { type Json, openBench, sha256 } from './strata.ts';

const skipped = announceNoCeph('server-copy.test.ts');
const bench = await openBench();
const bucket = `copy-${randomBytes(8).toString('hex')}`;
const mib = 1024 ** 2;
const size = 24 * mib;
const disk = bench.path('disk.img');
let proxy: FaultProxy;
let client: S3Client;
let settings: Readonly<Record<string, string>>;

beforeAll(async () => {
  if (skipped) return;
  const ceph = await makeBucket(bucket);
  client = clientOf(ceph);
  proxy = await startFaultProxy(ceph.endpoint);
  settings = environmentFor({ ...ceph, endpoint: proxy.endpoint });
  return async () => {
    client.destroy();
    await proxy.close();
  };
}, 120_000);

/** Sets fields of the configuration of a repository. */
async function configure(prefix: string, change: (config: Json) => void): Promise<void> {
  const object = { Bucket: bucket, Key: `${prefix}/strata.json` };
  const { Body } = await client.send(new GetObjectCommand(object));
  const config = JSON.parse((await Body?.transformToString()) ?? '');
  change(config);
  await client.send(new PutObjectCommand({ ...object, Body: JSON.stringify(config) }));
}

/** A repository with a chain of a disk of 24 MiB, of which some clusters of 64 KiB change each time; packs are just long enough to be joined. */
async function chainIn(prefix: string, increments: number) {
  const env = { ...settings, STRATA_REPO: `s3://${bucket}/${prefix}`, XDG_CACHE_HOME: bench.path(`${prefix}.cache`) };
  await bench.document(['init', '--no-encryption', '--block-size', '64K'], { env });
  await configure(prefix, (config) => {
    config.packSize = 8 * mib;
  });
  const image = makeBytes(size, 1);
  for (let n = 0; n <= increments; n++) {
    for (let i = 0; n > 0 && i < 8; i++) makeBytes(65536, 1000 * n + i).copy(image, ((i * 48 + n * 7) % 384) * 65536);
    await writeFile(disk, image);
    await bench.events(['backup', disk, '--machine', 'm', '--disk', 'd'], { env });
  }
  return { env, hash: await sha256(disk) };
}

type Env = Readonly<Record<string, string>>;
const copy = async (env: Env, ...more: readonly string[]): Promise<Json> =>
  (await bench.events(['synthesize', 'm/d', '--mode', 'copy', ...more], { env })).at(-1);

async function expectAlone(env: Env, point: string, hash: string): Promise<void> {
  await bench.document(['forget', '--keep-last', '1'], { env });
  const { freed } = (await bench.events(['gc', '--grace', '0'], { env })).at(-1);
  expect(freed.packs).toBeGreaterThan(0);
  expect((await bench.events(['verify', '--all'], { env })).at(-1)).toMatchObject({ damaged: 0 });
  await bench.events(['restore', point, '--to', bench.path('out.img'), '--force'], { env });
  expect(await sha256(bench.path('out.img'))).toBe(hash);
}

const unfinished = async () => (await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }))).Uploads ?? [];

describe.skipIf(skipped)('a synthetic full made by the server', { timeout: 120_000 }, () => {
  test('is the point, and needs no older pack', async () => {
    const { env, hash } = await chainIn('plain', 2);
    const planned = await copy(env, '--dry-run');
    const made = await copy(env, '--require-clone');
    expect(made).toMatchObject({ bytesReferenced: 0, bytesResumed: 0, warnings: [] });
    expect(made.bytesCopiedByStore).toBeGreaterThan(0.9 * size);
    expect(made.bytesThroughClient).toBeLessThan(0.1 * made.bytesCopiedByStore);
    for (const name of ['bytesCopiedByStore', 'bytesUnused', 'bytesThroughClient']) {
      expect({ [name]: planned[name] }).toEqual({ [name]: made[name] });
    }
    const { requests, bytesUp, bytesDown } = made.storage;
    expect(requests.UploadPartCopy).toBeGreaterThan(1);
    // What did not go through the client did not go over the network.
    expect(bytesUp + bytesDown).toBeLessThan(2 * made.bytesThroughClient + 8 * mib);
    expect(await unfinished()).toEqual([]);
    await expectAlone(env, made.point, hash);
  });

  test('that is killed at its requests goes on with what the server has made', async () => {
    const { env, hash } = await chainIn('killed', 1);
    for (const moment of ['a part was sent', 'a pack is whole']) {
      let parts = 0;
      proxy.conditions.fault = ({ method, url }) => {
        if (method === 'PUT' && url.includes('partNumber')) parts += 1;
        const due = moment === 'a part was sent' ? parts === 2 : method === 'POST' && url.includes('uploadId');
        if (due) running.kill('SIGKILL');
        return due ? { kind: 'lose-answer' } : null;
      };
      const running = bench.start(['synthesize', 'm/d', '--mode', 'copy', '--json'], { env });
      running.end();
      expect(await running.outcome).toMatchObject({ code: null });
      delete proxy.conditions.fault;
      expect(await bench.document(['points'], { env })).toHaveLength(2);
    }
    expect((await copy(env)).bytesResumed).toBeGreaterThan(0);
    expect(await unfinished()).toEqual([]);
    const [newest] = await bench.document(['points'], { env });
    expect(newest.kind).toBe('synthetic');
    await expectAlone(env, newest.id, hash);
  });

  test('survives a server that is overloaded and connections that break', async () => {
    const { env, hash } = await chainIn('rough', 1);
    let n = 0;
    proxy.conditions.fault = ({ method }) => {
      n += 1;
      if (n % 5 === 0) return { kind: 'refuse', status: 503, code: 'SlowDown' };
      if (n % 7 === 0 && method !== 'GET') return { kind: 'lose-answer' };
      return null;
    };
    onTestFinished(() => {
      delete proxy.conditions.fault;
    });
    const made = await copy(env);
    delete proxy.conditions.fault;
    expect(made.storage.retries).toBeGreaterThan(0);
    expect(await unfinished()).toEqual([]);
    await expectAlone(env, made.point, hash);
  });

  test('of a server that cannot is made by this machine, which says so', async () => {
    const { env, hash } = await chainIn('unable', 1);
    await configure('unable', (config) => {
      config.storage.partCopy = false;
    });
    const refused = await bench.strata(['synthesize', 'm/d', '--mode', 'copy', '--require-clone'], { env });
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('/unable cannot copy by itself') });
    const words = ['synthesize', 'm/d', '--mode', 'copy'];
    const made = (await bench.events(words, { env, code: 3 })).at(-1);
    expect(made).toMatchObject({ bytesCopiedByStore: 0, warnings: [{ code: 'NOT_JOINED' }] });
    await expectAlone(env, made.point, hash);
  });
});
