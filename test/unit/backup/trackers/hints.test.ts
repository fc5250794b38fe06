import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { type BackupRequest, type BackupResult, backup } from '../../../../src/backup/backup.ts';
import { listPoints } from '../../../../src/repository/points.ts';
import { restore } from '../../../../src/restore/restore.ts';
import { quiet, scratchMemory, scratchRepository } from '../../scratch.ts';

const mib = 1024 ** 2;
const block = 65536;

it('reads what the caller says has changed, and a sample of the rest', async () => {
  const { backUp, change, hint, content } = await stage();
  const first = await backUp();
  await change(2 * mib, mib);
  // In any order, overlapping, past the end: it is what may have changed.
  const changedExtents = await hint({
    since: first.point,
    extents: [
      [2.5 * mib, mib / 2],
      [2 * mib, mib],
      [9 * mib, 5],
    ],
  });
  const second = await backUp({ changedExtents });
  expect(second).toMatchObject({ tracker: 'hints', tracking: { since: first.point, reason: null }, warnings: [] });
  expect(second.bytesRead).toBe(mib + (second.tracking?.auditedBlocks ?? 0) * block);
  expect(second.blocks.changed).toBe(16);
  expect(await content(second)).toBe(true);
});

it('does not believe hints that an audit proves wrong, then or later, until they are asked for by name', async () => {
  const { backUp, change, hint, content } = await stage();
  const first = await backUp();
  await change(0, 4 * mib);
  const second = await backUp({ changedExtents: await hint({ since: first.point, extents: [] }) });
  expect(second).toMatchObject({ tracker: 'off', parent: first.point, warnings: [{ code: 'TRACKER_DISTRUSTED' }] });
  expect(await content(second)).toBe(true);
  const third = await backUp({ changedExtents: await hint({ since: second.point, extents: [] }) });
  expect(third).toMatchObject({ tracker: 'off', bytesRead: 4 * mib, warnings: [{ code: 'TRACKER_DISTRUSTED' }] });
  const asked = { changedExtents: await hint({ since: third.point, extents: [] }), tracker: 'hints' };
  expect(await backUp(asked)).toMatchObject({ tracker: 'hints', warnings: [] });
});

it('refuses hints since another point, and what are none', async () => {
  const { backUp, hint, points } = await stage();
  const since = '0123456789abcdef01234567';
  const refused = { code: 'HINTS_UNSUITABLE' };
  await expect(backUp({ changedExtents: await hint({ since, extents: [] }) })).rejects.toMatchObject(refused);
  const { point } = await backUp();
  for (const document of [{ since, extents: [] }, { extents: [] }, { since: point, extents: [[-1, 5]] }, 7]) {
    await expect(backUp({ changedExtents: await hint(document) })).rejects.toMatchObject(refused);
  }
  await expect(backUp({ tracker: 'hints' })).rejects.toMatchObject({ code: 'USAGE' });
  const changedExtents = await hint({ since: point, extents: [] });
  await expect(backUp({ changedExtents, tracker: 'off' })).rejects.toMatchObject({ code: 'USAGE' });
  await expect(backUp({ changedExtents, full: true })).rejects.toMatchObject({ code: 'USAGE' });
  expect(await points()).toBe(1);
});

async function stage() {
  const [repo, folder] = [await scratchRepository(), await scratchMemory()];
  const source = join(folder, 'disk.img');
  await writeFile(source, randomBytes(4 * mib));
  const order = {
    source,
    machine: 'm',
    disk: 'd',
    cacheFolder: `${source}.cache`,
    snapshotRecords: `${source}.records`,
  };
  return {
    backUp: (request: Partial<BackupRequest> = {}): Promise<BackupResult> =>
      backup(repo, { ...order, ...request }, () => undefined, quiet()),
    change: async (at: number, length: number) => {
      const bytes = await readFile(source);
      randomBytes(length).copy(bytes, at);
      await writeFile(source, bytes);
    },
    hint: async (document: unknown) => {
      await writeFile(`${source}.json`, JSON.stringify(document));
      return `${source}.json`;
    },
    content: async ({ point }: BackupResult) => {
      const to = join(await scratchMemory(), 'content');
      await restore(repo, { point: point ?? '', to }, () => undefined, quiet());
      return (await readFile(to)).equals(await readFile(source));
    },
    points: async () => (await listPoints(repo)).points.length,
  };
}
