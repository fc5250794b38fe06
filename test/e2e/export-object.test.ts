/** Points as objects that clouds import: the same bytes as an exported file has, and zeros do not go over the network. */
import { randomBytes } from 'node:crypto';
import { open, readFile, truncate, writeFile } from 'node:fs/promises';
import { GetObjectCommand, ListMultipartUploadsCommand, ListObjectsV2Command, type S3Client } from '@aws-sdk/client-s3';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { environmentFor } from '../lab/ceph.ts';
import { type FaultProxy, startFaultProxy } from '../lab/fault-proxy.ts';
import { announceNoCeph, clientOf, makeBucket } from '../lab/shared-ceph.ts';
import { makeBytes } from '../model/bytes.ts';
import { openBench } from './strata.ts';

const skipped = announceNoCeph('export-object.test.ts');
const bench = await openBench();
const bucket = `export-${randomBytes(8).toString('hex')}`;
const mib = 1024 ** 2;
let proxy: FaultProxy;
let client: S3Client;
let env: Readonly<Record<string, string>>;
let point: string;

beforeAll(async () => {
  if (skipped) return;
  const ceph = await makeBucket(bucket);
  client = clientOf(ceph);
  proxy = await startFaultProxy(ceph.endpoint);
  env = { ...environmentFor({ ...ceph, endpoint: proxy.endpoint }), STRATA_REPO: bench.path('repo') };
  await bench.document(['init', '--no-encryption'], { env });
  // Data at the beginning, a little in the middle of nothing, and at the end.
  const disk = bench.path('disk.img');
  await writeFile(disk, makeBytes(3 * mib, 1));
  await truncate(disk, 80 * mib);
  const file = await open(disk, 'r+');
  await file.write(makeBytes(100_000, 2), 0, 100_000, 40 * mib);
  await file.write(makeBytes(mib, 3), 0, mib, 79 * mib);
  await file.close();
  point = (await bench.events(['backup', disk, '--machine', 'm', '--disk', 'd'], { env })).at(-1).point;
  return async () => {
    client.destroy();
    await proxy.close();
  };
}, 120_000);

const to = (key: string) => `s3://${bucket}/${key}`;
const keys = async () => {
  const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: bucket }));
  return Contents.map(({ Key }) => Key);
};
const unfinished = async () => (await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }))).Uploads ?? [];

describe.skipIf(skipped)('a point exported into a bucket', { timeout: 120_000 }, () => {
  test.for(['raw', 'vhd', 'vhdx', 'qcow2'])('is the file that %s is, and its zeros are not sent', async (format) => {
    const file = bench.path(`out.${format}`);
    await bench.events(['export', point, '--to', file, '--format', format], { env });
    const words = ['export', point, '--to', to(`out.${format}`), '--format', format];
    const planned = (await bench.events([...words, '--dry-run'], { env })).at(-1);
    expect(planned).toMatchObject({ dryRun: true, bytesWritten: 0 });
    const done = (await bench.events(words, { env })).at(-1);
    expect(done.bytesWritten).toBeLessThan(20 * mib);
    if (format === 'raw') expect(done.bytesWritten + done.bytesByServer).toBe(80 * mib);
    expect(done.storage.bytesUp).toBeLessThan(done.bytesWritten + 9 * mib);
    const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: `out.${format}` }));
    const object = Buffer.from((await Body?.transformToByteArray()) ?? []);
    expect(object.equals(await readFile(file))).toBe(true);
  });

  test('is not put over another without --force, nor into a repository', async () => {
    const words = (key: string, ...more: readonly string[]) => [
      'export',
      point,
      '--to',
      to(key),
      '--format',
      'raw',
      ...more,
    ];
    const again = await bench.strata(words('out.raw'), { env });
    expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining('out.raw') });
    await bench.events(words('out.raw', '--force'), { env });
    await bench.document(['init', '--repo', to('a/repo'), '--no-encryption'], { env });
    const within = await bench.strata(words('a/repo/packs/x'), { env });
    expect(within).toMatchObject({ code: 1, stderr: expect.stringContaining('it lies within the repository') });
    const refused: readonly [readonly string[], RegExp][] = [
      [['export', point, '--to', `s3://${bucket}`, '--format', 'raw'], /names a bucket; name the object/],
      [
        ['export', point, '--to', to('x'), '--format', 'vmdk'],
        /a VMDK, which is two files, as an object is not supported/,
      ],
      [['restore', point, '--to', to('x'), '--delta'], /--delta does not go with/],
    ];
    for (const [line, message] of refused) {
      expect(await bench.strata(line, { env })).toMatchObject({ stderr: expect.stringMatching(message) });
    }
    expect((await keys()).filter((key) => key === 'x')).toEqual([]);
  });

  test.for(['UploadPart', 'CompleteMultipartUpload'])('leaves nothing when %s is refused', async (verb) => {
    const before = await keys();
    proxy.conditions.fault = ({ method, url }) => {
      const parts = method === 'PUT' && url.includes('partNumber') && url.includes('/broken?');
      const completes = method === 'POST' && url.includes('/broken?uploadId');
      return (verb === 'UploadPart' ? parts : completes) ? { kind: 'refuse', status: 403, code: 'AccessDenied' } : null;
    };
    onTestFinished(() => {
      delete proxy.conditions.fault;
    });
    const broken = await bench.strata(['export', point, '--to', to('broken'), '--format', 'raw'], { env });
    expect(broken).toMatchObject({ code: 1, stderr: expect.stringContaining('grant s3:') });
    expect(await keys()).toEqual(before);
    expect(await unfinished()).toEqual([]);
  });

  test('leaves nothing when it is interrupted', async () => {
    const before = await keys();
    const hung = Promise.withResolvers<void>();
    proxy.conditions.fault = ({ url }) => {
      if (!url.includes('/stopped?partNumber') && !(url.includes('/stopped?') && url.includes('partNumber')))
        return null;
      hung.resolve();
      return { kind: 'hang' };
    };
    const running = bench.start(['export', point, '--to', to('stopped'), '--format', 'raw', '--json'], { env });
    running.end();
    await hung.promise;
    running.kill('SIGINT');
    expect(await running.outcome).toMatchObject({ code: 130 });
    delete proxy.conditions.fault;
    expect(await keys()).toEqual(before);
    expect(await unfinished()).toEqual([]);
  });
});
