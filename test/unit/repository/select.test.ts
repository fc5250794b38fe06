import { describe, expect, it } from 'vitest';
import type { StrataEvent } from '../../../src/repository/events.ts';
import { manifestName } from '../../../src/repository/manifest.ts';
import { writeMark } from '../../../src/repository/marks.ts';
import type { Repository } from '../../../src/repository/repository.ts';
import { selectPoint } from '../../../src/repository/select.ts';
import { scratchRepository } from '../scratch.ts';
import { idFrom, putManifests, sampleManifest } from './manifests.ts';

const [first, second, third, other] = [
  sampleManifest({ id: idFrom('aaaa1'), time: '2026-11-20T22:00:00.123Z' }),
  sampleManifest({ id: idFrom('aaaa2'), time: '2026-11-21T22:00:00.500Z' }),
  sampleManifest({ id: idFrom('bbbb3'), time: '2026-11-22T22:00:00.000Z' }),
  sampleManifest({ id: idFrom('cccc4'), time: '2026-12-01T00:00:00.000Z', disk: 'data@home.img' }),
];

async function filled(): Promise<Repository> {
  const repo = await scratchRepository();
  await putManifests(repo, first, second, third, other);
  return repo;
}

describe('selectPoint', () => {
  it('knows an id, a unique prefix, the latest, and the newest not after a time', async () => {
    const repo = await filled();
    const expected: [string, string][] = [
      [first.id, first.id],
      ['bbbb', third.id],
      ['BBBB3', third.id],
      ['aaaa2', second.id],
      ['web1/sda@latest', third.id],
      ['web1/sda@2026-11-20', first.id],
      ['web1/sda@2026-11-20T220000Z', first.id],
      ['web1/sda@2026-11-21T22:00:00.499Z', first.id],
      ['web1/sda@2026-11-21T22:00:00.500Z', second.id],
      ['web1/sda@2026-11-22T23:00+01:00', third.id],
      ['web1/sda@2099-01-01', third.id],
      ['web1/data@home.img@latest', other.id],
    ];
    for (const [spec, id] of expected) expect([spec, (await selectPoint(repo, spec)).id]).toEqual([spec, id]);
  });

  it.each([
    ['dddd', 'POINT_NOT_FOUND', 'no restore point dddd'],
    ['web1/sda@2026-11-19', 'POINT_NOT_FOUND', 'no restore point web1/sda@2026-11-19'],
    ['web2/sda@latest', 'POINT_NOT_FOUND', 'no restore point web2/sda@latest'],
    ['aaa', 'USAGE', 'aaa is too short for a point: give at least 4 digits of its id'],
    ['web1/sda@yesterday', 'USAGE', 'yesterday is no time; write 2026-11-20, 2026-11-20T22:00Z or latest'],
    ['web1/sda', 'USAGE', 'web1/sda is neither the id of a point nor MACHINE/DISK@latest or MACHINE/DISK@TIME'],
    ['', 'USAGE', ' is neither the id of a point nor MACHINE/DISK@latest or MACHINE/DISK@TIME'],
    ['../../etc', 'USAGE', '../../etc is neither the id of a point nor MACHINE/DISK@latest or MACHINE/DISK@TIME'],
  ])('says of %j: %s', async (spec, code, message) => {
    await expect(selectPoint(await filled(), spec)).rejects.toMatchObject({ code, message });
  });

  it('names the candidates of an ambiguous prefix', async () => {
    await expect(selectPoint(await filled(), 'aaaa')).rejects.toMatchObject({
      code: 'POINT_AMBIGUOUS',
      params: { candidates: `${second.id} (web1/sda ${second.time}), ${first.id} (web1/sda ${first.time})` },
    });
  });

  it('does not find what is forgotten, nor lets it stand in the way', async () => {
    const repo = await filled();
    await writeMark(repo, second.id, 'forgotten', true);
    await writeMark(repo, third.id, 'forgotten', true);
    await expect(selectPoint(repo, third.id)).rejects.toMatchObject({ code: 'POINT_NOT_FOUND' });
    expect((await selectPoint(repo, 'aaaa')).id).toBe(first.id);
    expect((await selectPoint(repo, 'web1/sda@latest')).id).toBe(first.id);
  });

  it('says that a point is damaged rather than that there is none', async () => {
    const repo = await filled();
    await repo.store.put(manifestName(idFrom('eeee')), Buffer.from('garbage'));
    await expect(selectPoint(repo, 'eeee')).rejects.toMatchObject({ code: 'MANIFEST_DAMAGED' });
    const events: StrataEvent[] = [];
    expect((await selectPoint(repo, 'web1/sda@latest', (event) => events.push(event))).id).toBe(third.id);
    expect(events).toMatchObject([{ event: 'warning', code: 'MANIFEST_DAMAGED' }]);
  });
});
