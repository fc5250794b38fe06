import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { joinRanges } from '../../../../../src/repository/stores/s3/join.ts';
import { openBucket } from '../../../../../src/repository/stores/s3/open.ts';
import { type Carelessness, startCarelessServer } from '../../../../lab/careless-server.ts';
import { environmentFor } from '../../../../lab/ceph.ts';
import { makeBytes } from '../../../../model/bytes.ts';
import { scratchFolder } from '../../../scratch.ts';

/** Has a server join two ranges of two objects, and an end. */
async function joinOn(how: Carelessness) {
  const server = await startCarelessServer(how);
  onTestFinished(() => server.close());
  const { endpoint } = server;
  Object.assign(process.env, environmentFor({ endpoint, accessKey: 'a', secretKey: 'b' }));
  const storage = { endpoint, pathStyle: true, plainHttp: true, uploadLimit: null, downloadLimit: null };
  const bucket = openBucket('bucket', storage);
  onTestFinished(() => bucket.close());
  const [a, b] = [makeBytes(5000, 1), makeBytes(5000, 2)];
  await bucket.create('a', a);
  await bucket.create('b', b);
  const end = join(await scratchFolder(), 'end');
  await writeFile(end, 'the end');
  const ranges = [
    { key: 'a', offset: 100, length: 3000 },
    { key: 'b', offset: 7, length: 20 },
  ];
  const whole = Buffer.concat([a.subarray(100, 3100), b.subarray(7, 27), Buffer.from('the end')]);
  return { joined: joinRanges(bucket, 'joined', ranges, end, { signal: undefined }), whole, objects: server.objects };
}

describe('an object that the server joins of ranges of others', () => {
  it('has them one behind the other, and the end', async () => {
    const { joined, whole, objects } = await joinOn({});
    await joined;
    expect(objects.get('joined')?.equals(whole)).toBe(true);
  });

  it.each([
    [{ copiesBeginnings: true }, /the server copied another range than was asked for/],
    [{ changesTags: true }, /it changed while it was copied/],
  ])('is not left there by a server that has %o', async (how, reason) => {
    const { joined, objects } = await joinOn(how);
    await expect(joined).rejects.toMatchObject({ code: 'STORAGE_FAILED', message: expect.stringMatching(reason) });
    expect([...objects.keys()]).toEqual(['a', 'b']);
  });
});
