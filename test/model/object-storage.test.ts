/** Random lives of a repository in a bucket of a real server. */
import { randomBytes } from 'node:crypto';
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { it } from 'vitest';
import { Repository } from '../../src/repository/repository.ts';
import { environmentFor } from '../lab/ceph.ts';
import { announceNoCeph, clientOf, makeBucket } from '../lab/shared-ceph.ts';
import { scratchMemory } from '../unit/scratch.ts';
import { live } from './life.ts';
import type { Random } from './random.ts';
import { World } from './world.ts';

const skipped = announceNoCeph('model/object-storage.test.ts');

/** A new repository with packs so small that little data makes several. */
async function newWorld(random: Random): Promise<World> {
  const folder = await scratchMemory();
  const bucket = `model-${randomBytes(8).toString('hex')}`;
  const ceph = await makeBucket(bucket);
  Object.assign(process.env, environmentFor(ceph), { XDG_CACHE_HOME: folder });
  const { endpoint } = ceph;
  const storage = { endpoint, pathStyle: true, plainHttp: true, uploadLimit: null, downloadLimit: null };
  const location = `s3://${bucket}/repo`;
  await (await Repository.create(location, { blockSize: 65536, encryption: false, storage })).close();
  const client = clientOf(ceph);
  const Config = { Bucket: bucket, Key: 'repo/strata.json' };
  const { Body } = await client.send(new GetObjectCommand(Config));
  const config = JSON.parse((await Body?.transformToString()) ?? '');
  await client.send(new PutObjectCommand({ ...Config, Body: JSON.stringify({ ...config, packSize: 1024 ** 2 }) }));
  client.destroy();
  return new World(await Repository.open(location, async () => '', { storage }), folder, random);
}

it.skipIf(skipped)('keeps every point through any life, in a bucket, too', { timeout: 14_400_000 }, () =>
  live(newWorld, process.env.STRATA_LONG === '1' ? 1000 : 25),
);
