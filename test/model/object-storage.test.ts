/** Random lives of a repository in a bucket of a real server. */
import { randomBytes } from 'node:crypto';
import { describe, it } from 'vitest';
import { newConfig } from '../../src/repository/config.ts';
import { Repository } from '../../src/repository/repository.ts';
import { openS3Store } from '../../src/repository/stores/s3/open.ts';
import { environmentFor } from '../lab/ceph.ts';
import { announceNoCeph, makeBucket } from '../lab/shared-ceph.ts';
import { scratchMemory } from '../unit/scratch.ts';
import { live } from './life.ts';
import type { Random } from './random.ts';
import { World } from './world.ts';

const skipped = announceNoCeph('model/object-storage.test.ts');
const long = process.env.STRATA_LONG === '1';

/** A new repository with packs so small that little data makes several. */
async function newWorld(random: Random, versions: boolean): Promise<World> {
  const folder = await scratchMemory();
  const bucket = `model-${randomBytes(8).toString('hex')}`;
  const ceph = await makeBucket(bucket, { lock: versions });
  Object.assign(process.env, environmentFor(ceph), { XDG_CACHE_HOME: folder });
  const { endpoint } = ceph;
  const storage = { endpoint, pathStyle: true, plainHttp: true, uploadLimit: null, downloadLimit: null };
  const location = `s3://${bucket}/repo`;
  const store = openS3Store(location, { storage });
  const config = { ...newConfig({ blockSize: 65536, encryption: false }, { partCopy: true }), packSize: 1024 ** 2 };
  await store.put('strata.json', Buffer.from(JSON.stringify(config)));
  await store.close();
  return new World(await Repository.open(location, async () => '', { storage }), folder, random);
}

describe.skipIf(skipped)('keeps every point through any life', { timeout: 14_400_000 }, () => {
  it('in a bucket', () => live((random) => newWorld(random, false), long ? 1000 : 25));
  it('in a bucket that keeps versions', () => live((random) => newWorld(random, true), long ? 500 : 5));
});
