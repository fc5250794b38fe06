import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { backup } from '../../../src/backup/backup.ts';
import type { StrataEvent } from '../../../src/repository/events.ts';
import { type ForgetByRulesRequest, forgetByRules } from '../../../src/repository/forget-by-rules.ts';
import { columnName, manifestName } from '../../../src/repository/manifest.ts';
import { writeMark } from '../../../src/repository/marks.ts';
import { listPoints, readManifest } from '../../../src/repository/points.ts';
import type { Repository } from '../../../src/repository/repository.ts';
import { block, changeBlocks, hashOf, writeImage } from '../images.ts';
import { quiet, scratchFolder, scratchRepository } from '../scratch.ts';
import { idFrom, putManifests } from './manifests.ts';

/** A frame that does not compress: its header and the block. */
const frame = block + 80;

/** Makes a point of another time of one. */
async function retime(repo: Repository, id: string, time: string): Promise<void> {
  const manifest = await readManifest(repo, id);
  await repo.store.remove(manifestName(id));
  await putManifests(repo, { ...manifest, time });
}

/** Five points of one disk, a day apart, each on the one before; after the full one each changes a block. */
async function bench(): Promise<{ repo: Repository; ids: readonly string[]; hash: string }> {
  const repo = await scratchRepository();
  const folder = await scratchFolder();
  const source = join(folder, 'disk.img');
  await writeImage(source, 'rrrrrrrr');
  const request = { source, machine: 'web1', disk: 'sda', cacheFolder: join(folder, 'cache') };
  const ids: string[] = [];
  for (const changed of [null, 0, 1, 0, 2]) {
    if (changed !== null) await changeBlocks(source, changed);
    ids.push((await backup(repo, request, () => undefined, quiet())).point ?? '');
  }
  for (const [day, id] of ids.entries()) await retime(repo, id, `2026-11-0${day + 1}T22:00:00.000Z`);
  return { repo, ids, hash: await hashOf(source) };
}

function run(repo: Repository, request: Partial<ForgetByRulesRequest>, events: StrataEvent[] = []) {
  const defaults = { rules: { keepLast: 2 }, timeZone: 'UTC', dryRun: false };
  return forgetByRules(repo, { ...defaults, ...request }, (event) => events.push(event));
}

async function keptIds(repo: Repository): Promise<string[]> {
  return (await listPoints(repo)).points.map(({ id }) => id);
}

describe('forgetByRules', () => {
  it('says what goes, why the rest stays and what would be freed, and then does it', async () => {
    const { repo, ids } = await bench();
    const newestFirst = ids.toReversed();
    const expected = {
      timeZone: 'UTC',
      forgotten: newestFirst.slice(2),
      neededByOthers: newestFirst.slice(2),
      bytesFreed: 0,
      // Blocks 0 and 1 of the first and block 0 of the second point are seen by nobody else; block 1 of the third is.
      bytesFreeable: 3 * frame,
      points: [
        { keep: true, reasons: ['newest', 'last 2'], bytesFreeable: null },
        { keep: true, reasons: ['last 2'], bytesFreeable: null },
        { keep: false, reasons: [], bytesFreeable: 0 },
        { keep: false, reasons: [], bytesFreeable: frame },
        { keep: false, reasons: [], bytesFreeable: 2 * frame },
      ].map((point, index) => ({
        id: newestFirst[index],
        machine: 'web1',
        disk: 'sda',
        time: `2026-11-0${5 - index}T22:00:00.000Z`,
        ...point,
      })),
    };
    expect(await run(repo, { dryRun: true })).toEqual({ dryRun: true, ...expected });
    expect(await keptIds(repo)).toEqual(newestFirst);
    expect(await run(repo, {})).toEqual({ dryRun: false, ...expected });
    expect(await keptIds(repo)).toEqual(newestFirst.slice(0, 2));
    expect(await run(repo, {})).toMatchObject({ forgotten: [], bytesFreeable: 0, points: [{}, {}] });
  });

  it('counts what forgotten points below still show with those that go now', async () => {
    const { repo, ids } = await bench();
    for (const id of ids.slice(0, 3)) await writeMark(repo, id, 'forgotten', true);
    // The fourth shows all but block 2 of what the last one shows.
    const result = await run(repo, { rules: { keepLast: 1 } });
    expect(result.forgotten).toEqual([ids[3]]);
    expect(result.bytesFreeable).toBe(frame);
  });

  it('keeps the last point of a disk, and a machine or disk without points is named', async () => {
    const { repo, ids } = await bench();
    const result = await run(repo, { rules: { keepTags: ['none has it'] }, machine: 'web1', disk: 'sda' });
    expect(result.points.filter(({ keep }) => keep).map(({ id }) => id)).toEqual([ids[4]]);
    await expect(run(repo, { machine: 'web9' })).rejects.toMatchObject({
      code: 'POINT_NOT_FOUND',
      message: 'no restore point of web9/any disk',
    });
    await expect(run(repo, { disk: 'sdz' })).rejects.toMatchObject({ message: 'no restore point of any machine/sdz' });
    expect(await run(await scratchRepository(), {})).toMatchObject({ points: [], forgotten: [], bytesFreeable: 0 });
  });

  it('leaves other machines and disks alone', async () => {
    const { repo, ids } = await bench();
    const manifest = await readManifest(repo, ids[0] ?? '');
    const others = ['dd', 'ee'].map((digits) => ({ ...manifest, id: idFrom(digits), disk: 'sdb' }));
    await putManifests(repo, ...others);
    for (const { id } of others) {
      for (const column of ['loc', 'dig'] as const) {
        await repo.store.put(columnName(id, column), await repo.store.get(columnName(manifest.id, column)));
      }
    }
    const result = await run(repo, { rules: { keepLast: 1 }, disk: 'sda' });
    expect(result.forgotten).toHaveLength(4);
    expect(await keptIds(repo)).toHaveLength(3);
    // The points of the other disk show all that the first one of this one did.
    expect(result.bytesFreeable).toBe(frame);
  });

  it('drops nothing when a chain is broken, above or below, or a map is lost', async () => {
    for (const lost of [0, 2]) {
      const { repo, ids } = await bench();
      await repo.store.remove(manifestName(ids[lost] ?? ''));
      await expect(run(repo, {})).rejects.toMatchObject({
        code: 'RETENTION_UNSAFE',
        exitCode: 13,
        message: expect.stringContaining(`depends on ${ids[lost]}, which is missing`),
      });
      expect(await keptIds(repo)).toHaveLength(4);
    }
    const { repo, ids } = await bench();
    await repo.store.remove(columnName(ids[1] ?? '', 'loc'));
    await expect(run(repo, {})).rejects.toMatchObject({ code: 'RETENTION_UNSAFE', params: { reason: /is missing$/ } });
    expect(await keptIds(repo)).toHaveLength(5);
  });

  it('goes on when only other disks are broken, and says that their needs are not counted', async () => {
    const { repo, ids } = await bench();
    const manifest = await readManifest(repo, ids[0] ?? '');
    // Another disk, whose one point has no map.
    await putManifests(repo, { ...manifest, id: idFrom('dd'), disk: 'sdb' });
    const events: StrataEvent[] = [];
    const request = { rules: { keepLast: 1 }, machine: 'web1', disk: 'sda' };
    expect((await run(repo, request, events)).forgotten).toEqual(ids.slice(0, 4).toReversed());
    expect(events).toEqual([
      {
        event: 'warning',
        code: 'POINT_BROKEN',
        message: expect.stringContaining('is not counted, and nothing is freed'),
      },
    ]);
    await expect(run(repo, { rules: { keepLast: 1 } })).resolves.toMatchObject({ forgotten: [] });
    await putManifests(repo, { ...manifest, id: idFrom('de'), disk: 'sdb', time: '2026-11-09T22:00:00.000Z' });
    await expect(run(repo, { rules: { keepLast: 1 } })).rejects.toMatchObject({ code: 'RETENTION_UNSAFE' });
  });

  it('warns of manifests that cannot be read', async () => {
    const { repo } = await bench();
    await repo.store.put(manifestName(idFrom('ff')), Buffer.from('garbage'));
    const events: StrataEvent[] = [];
    expect((await run(repo, {}, events)).forgotten).toHaveLength(3);
    expect(events).toMatchObject([{ event: 'warning', code: 'MANIFEST_DAMAGED' }]);
  });

  it('takes nothing that is protected while it is at work', async () => {
    const { repo, ids } = await bench();
    const { store } = repo;
    const put = store.put.bind(store);
    // Another process protects the point in the instant before its mark is written.
    store.put = async (name, content) => {
      store.put = put;
      if (name.includes('forgotten')) await writeMark(repo, ids[0] ?? '', 'protected', true);
      await put(name, content);
    };
    await expect(run(repo, {})).rejects.toMatchObject({ code: 'POINT_PROTECTED', params: { point: ids[0] } });
    expect(await keptIds(repo)).toEqual([ids[4], ids[3], ids[0]]);
  });
});
