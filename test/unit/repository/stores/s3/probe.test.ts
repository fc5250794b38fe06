import { describe, expect, it, onTestFinished } from 'vitest';
import { Repository } from '../../../../../src/repository/repository.ts';
import { openBucket } from '../../../../../src/repository/stores/s3/open.ts';
import { probe } from '../../../../../src/repository/stores/s3/probe.ts';
import { usualSettings } from '../../../../../src/repository/stores/settings.ts';
import { type Carelessness, startCarelessServer } from '../../../../lab/careless-server.ts';
import { environmentFor } from '../../../../lab/ceph.ts';
import { scratchFolder } from '../../../scratch.ts';

/** Makes a repository on a server; what is left there. */
async function initOn(how: Carelessness) {
  const server = await startCarelessServer(how);
  onTestFinished(() => server.close());
  const { endpoint } = server;
  Object.assign(process.env, environmentFor({ endpoint, accessKey: 'a', secretKey: 'b' }), {
    XDG_CACHE_HOME: await scratchFolder(),
  });
  const storage = { endpoint, pathStyle: true, plainHttp: true, uploadLimit: null, downloadLimit: null };
  const made = Repository.create('s3://bucket/repo', { blockSize: 65536, encryption: false, storage });
  return { made, left: () => [...server.objects.keys()] };
}

describe('a server that is not to be trusted', () => {
  it.each([
    [{ ignoresCondition: true }, /ignores the condition/],
    [{ looksTooEarly: true }, /of 4 that created an object at once [234] were told that they had/],
    [{ ignoresRange: true }, /gives other bytes than those of the range/],
  ])('that has %o is refused, and nothing is left there', async (how, reason) => {
    const { made, left } = await initOn(how);
    await expect(made).rejects.toMatchObject({ code: 'LOCATION_UNSUITABLE', message: expect.stringMatching(reason) });
    expect(left()).toEqual([]);
  });

  it('that does not hold its locks is refused', async () => {
    const server = await startCarelessServer();
    onTestFinished(() => server.close());
    const { endpoint } = server;
    Object.assign(process.env, environmentFor({ endpoint, accessKey: 'a', secretKey: 'b' }));
    const bucket = openBucket('bucket', { ...usualSettings, endpoint, pathStyle: true, plainHttp: true });
    await expect(probe(bucket, '', 'compliance')).rejects.toMatchObject({
      code: 'LOCATION_UNSUITABLE',
      message: expect.stringContaining('what was locked (compliance) could be removed all the same'),
    });
    expect([...server.objects.keys()]).toEqual([]);
  });

  it('that only copies wrongly is taken, and that is written down', async () => {
    const { made, left } = await initOn({ copiesBeginnings: true });
    const repo = await made;
    expect(repo.config.storage).toMatchObject({ partCopy: false, probed: expect.any(String) });
    await repo.close();
    expect(left()).toEqual(['repo/strata.json']);
  });
});
