/** Immutable repositories from the command line: what `init` takes and refuses, an attack with all keys, and keys that may only add. */
import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectVersionsCommand,
  PutBucketPolicyCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  PutObjectLockConfigurationCommand,
  PutObjectRetentionCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type Ceph, environmentFor, limitedUser } from '../lab/ceph.ts';
import { announceNoCeph, clientOf, makeBucket } from '../lab/shared-ceph.ts';
import { makeBytes } from '../model/bytes.ts';
import { type Engine, openEngine } from '../model/engine.ts';
import { checkout, openBench } from './strata.ts';

const skipped = announceNoCeph('object-lock.test.ts');
const bench = await openBench();
const bucket = `lock-${randomBytes(8).toString('hex')}`;
const mib = 1024 ** 2;
const day = 86_400_000;
let ceph: Ceph;
let client: S3Client;
let owner: Record<string, string>;

beforeAll(async () => {
  if (skipped) return;
  ceph = await makeBucket(bucket, { lock: true });
  client = clientOf(ceph);
  owner = { ...environmentFor(ceph), STRATA_REPO: `s3://${bucket}/servers` };
  await bench.document(['init', '--lock-days', '30', '--no-encryption', '--block-size', '64K'], { env: owner });
  return () => client.destroy();
}, 120_000);

interface Made {
  readonly point: string;
  readonly content: Buffer;
}

/** The engine with the keys of `env`, and with copies of maps of its own. */
async function openAs(env: Record<string, string>, cache: string): Promise<Engine> {
  Object.assign(process.env, env, { XDG_CACHE_HOME: bench.path(cache) });
  const { STRATA_S3_ENDPOINT: endpoint = '', STRATA_REPO: location = '' } = env;
  const storage = { endpoint, pathStyle: true, plainHttp: true, uploadLimit: null, downloadLimit: null };
  const engine = await openEngine(location, { storage }, bench.path(`${cache}.out`));
  onTestFinished(() => engine.close());
  return engine;
}

/** Makes an image of a disk. */
async function image(name: string, seed: number): Promise<Buffer> {
  const content = makeBytes(2 * mib, seed);
  await writeFile(bench.path(name), content);
  return content;
}

async function backup(engine: Engine, name: string, seed: number): Promise<Made> {
  const content = await image(name, seed);
  return { point: await engine.backup(bench.path(name), bench.path('dedup')), content };
}

/** What was tried that the server did not do. */
async function refusals(attempts: readonly (() => Promise<unknown>)[]): Promise<number> {
  const done = await Promise.allSettled(attempts.map((attempt) => attempt()));
  return done.filter(({ status }) => status === 'rejected').length;
}

async function allVersions() {
  const { Versions = [], IsTruncated } = await client.send(new ListObjectVersionsCommand({ Bucket: bucket }));
  expect(IsTruncated).toBe(false);
  return Versions.map(({ Key = '', VersionId = '' }) => ({ Bucket: bucket, Key, VersionId }));
}

describe.skipIf(skipped)('an immutable repository', { timeout: 120_000 }, () => {
  const points: Made[] = [];

  test('outlasts who has all keys of the storage and harms whatever he can', async () => {
    const engine = await openAs(owner, 'first');
    for (const [name, seed] of [
      ['a', 1],
      ['a', 2],
      ['b', 3],
    ] as const)
      points.push(await backup(engine, name, seed));
    await bench.document(['protect', points[0]?.point ?? ''], { env: owner });

    const versions = await allVersions();
    const tries = versions.flatMap((version) => [
      () => client.send(new DeleteObjectCommand({ ...version, BypassGovernanceRetention: true })),
      () =>
        client.send(
          new PutObjectRetentionCommand({
            ...version,
            BypassGovernanceRetention: true,
            Retention: { Mode: 'GOVERNANCE', RetainUntilDate: new Date(Date.now() + 1000) },
          }),
        ),
    ]);
    expect(await refusals(tries)).toBeGreaterThan(versions.length);
    const suspend = { Bucket: bucket, VersioningConfiguration: { Status: 'Suspended' } } as const;
    expect(await refusals([() => client.send(new PutBucketVersioningCommand(suspend))])).toBe(1);
    for (const { Key } of versions) {
      await client.send(new PutObjectCommand({ Bucket: bucket, Key, Body: 'pay us' }));
      await client.send(new DeleteObjectCommand({ Bucket: bucket, Key }));
    }

    // From a machine that has no copies.
    const elsewhere = await openAs(owner, 'elsewhere');
    expect((await elsewhere.points()).sort()).toEqual(points.map(({ point }) => point).sort());
    for (const { point, content } of points) await elsewhere.expectContent(point, content);
    // Only the mark of protection was not locked: what lies in its place now counts as one until it is repaired.
    const listed = await bench.document(['points'], { env: owner, code: 3 });
    expect(listed.filter((point: { protected: boolean }) => point.protected)).toHaveLength(1);
    await bench.events(['repair', '--quick'], { env: owner });
    expect(await elsewhere.damaged()).toBe(0);
    points.push(await backup(elsewhere, 'a', 4));
    for (const { point, content } of points) await elsewhere.expectContent(point, content);
  });

  test('says how it is locked', async () => {
    const [{ id }] = await bench.document(['points'], { env: owner });
    const { lockedUntil } = await bench.document(['show', id], { env: owner });
    expect(Math.abs(Date.parse(lockedUntil) - Date.now() - 30 * day)).toBeLessThan(day);
    const { stdout } = await bench.strata(['doctor'], { env: owner });
    expect(stdout).toMatch(/object lock: 30 days, compliance; the first lock of 4 points ends 20/);
  });

  test('keeps what nobody needs until its lock ends, and says so', async () => {
    const engine = await openAs(owner, 'first');
    const unneeded = await backup(engine, 'short-lived', 5);
    await bench.document(['forget', unneeded.point], { env: owner });
    const result = (await bench.events(['gc', '--grace', '0'], { env: owner })).at(-1);
    expect(result).toMatchObject({ freed: { points: 0, packs: 0 }, locked: { points: 1 }, locksRenewed: 0 });
    expect(Math.abs(Date.parse(result.locked.until) - Date.now() - 30 * day)).toBeLessThan(day);
    await bench.document(['undelete', unneeded.point], { env: owner });
    await engine.expectContent(unneeded.point, unneeded.content);
  });

  test('takes points from a key that may only add, by the policy in README', async () => {
    const readme = await readFile(join(checkout, 'README.md'), 'utf8');
    const [, policy = ''] = /may only add[\s\S]*?```json\n([\s\S]*?)```/.exec(readme) ?? [];
    const Policy = policy
      .replaceAll('company-backups', bucket)
      .replaceAll('user/backup', `user/${limitedUser.uid}`)
      .replaceAll('user/administrator', 'user/test');
    await client.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy }));
    const { accessKey, secretKey } = limitedUser;
    const limited = { ...owner, AWS_ACCESS_KEY_ID: accessKey, AWS_SECRET_ACCESS_KEY: secretKey };

    const content = await image('limited', 6);
    const words = ['backup', bench.path('limited'), '--machine', 'm'];
    const { point } = (await bench.events(words, { env: limited })).at(-1);
    const machine = await openAs(limited, 'machine');
    const unneeded = await backup(machine, 'limited', 7);
    await machine.expectContent(point, content);
    // Its leases stay behind, but hold nobody up, and are no sign of anything broken.
    expect((await machine.remains()).deadRuns).toEqual([]);

    const refused = async (command: readonly string[], what: RegExp) => {
      const { code, stderr } = await bench.strata(command, { env: limited });
      expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringMatching(what) });
    };
    await refused(['forget', point], /PutObject of .*marks\/.* is not allowed\n.*grant s3:PutObject/);
    await bench.document(['forget', unneeded.point], { env: owner });
    await refused(['gc', '--grace', '0'], /PutObject of .*trash\/.* is not allowed\n.*grant s3:PutObject/);

    const hand = clientOf({ ...ceph, accessKey, secretKey });
    const versions = await allVersions();
    const deletions = versions.flatMap(({ VersionId, ...key }) => [
      () => hand.send(new DeleteObjectCommand(key)),
      () => hand.send(new DeleteObjectCommand({ ...key, VersionId })),
    ]);
    expect(await refusals(deletions)).toBe(2 * versions.length);
    const config = { Bucket: bucket, Key: 'servers/strata.json' };
    expect(await refusals([() => hand.send(new PutObjectCommand({ ...config, Body: 'x' }))])).toBe(1);
    await hand.send(new PutObjectCommand({ Bucket: bucket, Key: `servers/points/${point}`, Body: 'pay us' }));
    hand.destroy();

    // Who administers it frees what the machines may not, and reads what they wrote.
    const collected = (await bench.events(['gc', '--grace', '0'], { env: owner })).at(-1);
    expect(collected).toMatchObject({ trashed: { points: 1 }, locked: { points: 1 } });
    const administrator = await openAs(owner, 'administrator');
    await administrator.expectContent(point, content);
    const left = await client.send(new ListObjectVersionsCommand({ Bucket: bucket, Prefix: 'servers/leases/' }));
    expect(left.Versions ?? []).toEqual([]);
  });
});

describe.skipIf(skipped)('init', { timeout: 120_000 }, () => {
  async function bucketWith(what: 'versions' | 'suspended' | 'default retention' | 'nothing'): Promise<string> {
    const name = `keep-${randomBytes(8).toString('hex')}`;
    await makeBucket(name, { lock: what === 'default retention' });
    const version = (Status: 'Enabled' | 'Suspended') =>
      client.send(new PutBucketVersioningCommand({ Bucket: name, VersioningConfiguration: { Status } }));
    if (what === 'versions' || what === 'suspended') await version('Enabled');
    if (what === 'suspended') await version('Suspended');
    if (what === 'default retention') {
      const Rule = { DefaultRetention: { Mode: 'GOVERNANCE', Days: 1 } } as const;
      const ObjectLockConfiguration = { ObjectLockEnabled: 'Enabled', Rule } as const;
      await client.send(new PutObjectLockConfigurationCommand({ Bucket: name, ObjectLockConfiguration }));
    }
    return name;
  }

  test.each([
    ['suspended', [], /its versioning is suspended/],
    ['default retention', [], /its default retention locks everything/],
    ['nothing', ['--lock-days', '7'], /it has no object lock, which is given to a bucket when it is made/],
  ] as const)('refuses a bucket with %s %j, and leaves nothing there', async (what, words, reason) => {
    const name = await bucketWith(what);
    const { code, stderr } = await bench.strata(['init', '--no-encryption', '--repo', `s3://${name}/x`, ...words], {
      env: owner,
    });
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringMatching(reason) });
    expect((await client.send(new ListObjectVersionsCommand({ Bucket: name }))).Versions).toBeUndefined();
  });

  test('takes a bucket that keeps versions, and frees space there', async () => {
    const name = await bucketWith('versions');
    const env = { ...owner, STRATA_REPO: `s3://${name}/repo` };
    await bench.document(['init', '--no-encryption', '--block-size', '64K'], { env });
    const engine = await openAs(env, 'versions');
    const kept = await backup(engine, 'a', 20);
    const gone = await backup(engine, 'b', 21);
    await bench.document(['forget', gone.point], { env });
    expect((await bench.events(['gc', '--grace', '0'], { env })).at(-1)).toMatchObject({ freed: { points: 1 } });
    const { Versions = [], DeleteMarkers } = await client.send(new ListObjectVersionsCommand({ Bucket: name }));
    expect(Versions.filter(({ Key = '' }) => Key.startsWith('repo/points/')).map(({ Key }) => Key)).toEqual([
      `repo/points/${kept.point}`,
    ]);
    expect([Versions.every(({ IsLatest }) => IsLatest), DeleteMarkers]).toEqual([true, undefined]);
    await engine.expectContent(kept.point, kept.content);

    // Beside a repository the newest version is the object, as for everybody else.
    const newer = await backup(engine, 'a', 22);
    const target = { Bucket: name, Key: 'image.raw' };
    for (const { point, content } of [kept, newer]) {
      const words = ['export', point, '--to', `s3://${name}/image.raw`, '--format', 'raw', '--force'];
      await bench.events(words, { env });
      const { Body } = await client.send(new GetObjectCommand(target));
      expect(Buffer.from((await Body?.transformToByteArray()) ?? []).equals(content)).toBe(true);
    }
  });

  test('refuses locks that cannot be', async () => {
    const folder = bench.path('folder');
    const refused: readonly [readonly string[], number, RegExp][] = [
      [['--repo', folder, '--lock-days', '7'], 1, /a lock on a folder is not supported/],
      [['--lock-mode', 'governance'], 2, /--lock-mode needs --lock-days/],
      [['--lock-days', '0'], 2, /from 1 to 3650/],
      [['--lock-days', '7', '--lock-mode', 'strict'], 2, /compliance, governance/],
    ];
    for (const [words, exit, message] of refused) {
      const { code, stderr } = await bench.strata(['init', ...words], { env: owner });
      expect({ words, code, stderr }).toMatchObject({ code: exit, stderr: expect.stringMatching(message) });
    }
  });
});
