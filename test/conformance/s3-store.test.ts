/** The store in a bucket of a real server holds to what every object store must. */
import { randomBytes } from 'node:crypto';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openS3Store } from '../../src/repository/stores/s3/open.ts';
import { environmentFor } from '../lab/ceph.ts';
import { announceNoCeph, makeBucket } from '../lab/shared-ceph.ts';
import { scratchFolder } from '../unit/scratch.ts';
import { describeStore } from './store.ts';

const skipped = announceNoCeph('s3-store.test.ts');

/** A store at a prefix of its own, with a cache of its own. */
async function openStore(prefix = 'repo', { lock = false } = {}) {
  const bucket = `test-${randomBytes(8).toString('hex')}`;
  const { endpoint, ...keys } = await makeBucket(bucket, { lock });
  Object.assign(process.env, environmentFor({ endpoint, ...keys }), { XDG_CACHE_HOME: await scratchFolder() });
  const storage = { endpoint, pathStyle: true, plainHttp: true, uploadLimit: null, downloadLimit: null };
  const store = openS3Store(`s3://${bucket}${prefix && `/${prefix}`}`, { storage });
  onTestFinished(() => store.close());
  return store;
}

describe.skipIf(skipped)('with a server', () => {
  describeStore('a bucket', () => openStore());
  describeStore('a bucket without a prefix', () => openStore(''));
  describeStore('a bucket that keeps versions', () => openStore('repo', { lock: true }));

  it('keeps to its prefix', async () => {
    const store = await openStore('a');
    await store.put('points/x', Buffer.from('x'));
    for await (const { name } of store.list('')) expect(name).toBe('points/x');
  });
});
