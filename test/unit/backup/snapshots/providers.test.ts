import { execFileSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type BackupRequest, type BackupResult, backup } from '../../../../src/backup/backup.ts';
import { native } from '../../../../src/native.ts';
import type { StrataEvent } from '../../../../src/repository/events.ts';
import { listPoints, readManifest } from '../../../../src/repository/points.ts';
import type { Repository } from '../../../../src/repository/repository.ts';
import { restore } from '../../../../src/restore/restore.ts';
import { hasLoop, mountNew } from '../../loop.ts';
import { quiet, scratchFolder, scratchRepository } from '../../scratch.ts';
import { expectOneInstant, hammer, rest } from './hammer.ts';
import { hammerBlock } from './hammer-places.ts';

const blocks = 1024;

describe.skipIf(!hasLoop)('snapshots (need root and loop devices)', () => {
  // 003-01, 003-04, 003-05, 000-23, 001-04
  it.each([
    ['xfs', 'reflink', 'auto', false],
    ['btrfs', 'reflink', 'required', false],
    ['btrfs', 'btrfs', 'btrfs', true],
  ] as const)('are of one instant while a writer hammers: %s, %s', async (type, provider, policy, sync) => {
    const [repo, { folder }] = [await scratchRepository(), await mountNew(type)];
    const image = join(folder, 'disk.img');
    await writeFile(image, Buffer.alloc(blocks * hammerBlock));
    const writer = await hammer(image, blocks, sync);
    const events: StrataEvent[] = [];
    const result = await backUp(repo, image, { snapshot: policy, tracker: 'off' }, events);
    expect(result).toMatchObject({ snapshot: provider, consistency: 'crash', warnings: [] });
    await expectOneInstant(await contentOf(repo, result), image);
    await rest(writer);
    expect(await readManifest(repo, result.point ?? '')).toMatchObject({
      snapshot: provider,
      consistency: 'crash',
      source: { path: image, kind: 'file' },
    });
    expect(events.filter(({ event }) => event === 'snapshot')).toMatchObject([
      { act: 'created', provider, source: image, consistency: 'crash' },
      { act: 'removed', provider, source: image },
    ]);
    expect(await readdir(folder)).toEqual(['disk.img']);
    expect(await readdir(`${repo.store.folder}.snapshots`)).toEqual([]);
  });

  it('freeze a file system while its device is read, and thaw it', async () => {
    const [repo, { folder, device }] = [await scratchRepository(), await mountNew('ext4', 24)];
    const file = join(folder, 'file');
    await writeFile(file, Buffer.alloc(blocks * hammerBlock));
    const writer = await hammer(file, blocks);
    const result = await backUp(repo, device, { snapshot: 'freeze' });
    expect(result).toMatchObject({ snapshot: 'freeze', consistency: 'file-system', warnings: [] });
    // A frozen file system is at rest: its map is believed.
    expect(result.skipped.unallocated).toBeGreaterThan(0);
    const restored = join(await scratchFolder(), 'disk');
    await restore(repo, { point: result.point ?? '', to: restored }, () => undefined, quiet());
    execFileSync('e2fsck', ['-fn', restored], { stdio: 'pipe' });
    const copy = execFileSync('debugfs', ['-R', 'cat file', restored], {
      stdio: ['ignore', 'pipe', 'ignore'],
      maxBuffer: 64 * 1024 ** 2,
    });
    await expectOneInstant(copy, file);
    await rest(writer);
    await expect(native.thawFileSystem(folder)).rejects.toMatchObject({ errno: 22 });
  });

  it('thaw at the limit, and then there is no point', async () => {
    const [repo, { folder, device }] = [await scratchRepository(), await mountNew('ext4', 24)];
    await writeFile(join(folder, 'file'), Buffer.alloc(4 * 1024 ** 2, 1));
    const request = { snapshot: 'freeze', freezeLimit: 300, rateLimit: 1024 ** 2, allocation: 'off' } as const;
    await expect(backUp(repo, device, request)).rejects.toMatchObject({ code: 'SNAPSHOT_LOST' });
    await writeFile(join(folder, 'thawed'), 'yes');
    expect((await listPoints(repo)).points).toEqual([]);
  });

  it('never freeze what the run needs', async () => {
    const [repo, { folder, device }] = [await scratchRepository(), await mountNew('ext4', 24)];
    const needed = { snapshot: 'freeze', cacheFolder: join(folder, 'cache') };
    await mkdir(needed.cacheFolder);
    const reason = expect.stringContaining(`${needed.cacheFolder} lies on it`);
    await expect(backUp(repo, device, needed)).rejects.toMatchObject({
      code: 'SNAPSHOT_IMPOSSIBLE',
      params: { reason },
    });
  });

  // 003-12, 003-13, 000-13
  it('that cannot be had are a warning or an error, as the policy says', async () => {
    const [repo, { folder, device }] = [await scratchRepository(), await mountNew('ext4', 24)];
    expect((await backUp(repo, device)).warnings).toMatchObject([{ code: 'LIVE_SOURCE' }]);
    await expect(backUp(repo, device, { snapshot: 'required' })).rejects.toMatchObject({ code: 'SNAPSHOT_IMPOSSIBLE' });
    await expect(backUp(repo, device, { snapshot: 'reflink' })).rejects.toMatchObject({ code: 'SNAPSHOT_IMPOSSIBLE' });
    const image = join(folder, 'disk.img');
    await writeFile(image, 'some');
    const still = await backUp(repo, image, { disk: 'still' });
    expect(still).toMatchObject({ snapshot: 'off', consistency: 'none', warnings: [] });
  });

  it('that fail are told, with auto, and stop the run when one is required', async () => {
    const [repo, { folder }] = [await scratchRepository(), await mountNew('xfs')];
    const image = join(folder, 'disk.img');
    await writeFile(image, 'some');
    const nowhere = { snapshotFolder: join(folder, 'missing') };
    const auto = await backUp(repo, image, nowhere);
    expect(auto).toMatchObject({ snapshot: 'off', consistency: 'none', warnings: [{ code: 'LIVE_SOURCE' }] });
    expect(auto.warnings[0]?.message).toContain('the snapshot of');
    await expect(backUp(repo, image, { ...nowhere, snapshot: 'required' })).rejects.toMatchObject({
      code: 'SNAPSHOT_FAILED',
    });
  });

  it('of files lie where they are wanted, for this user alone', async () => {
    const [repo, { folder }] = [await scratchRepository(), await mountNew('xfs')];
    const [image, elsewhere] = [join(folder, 'disk.img'), join(folder, 'elsewhere')];
    await writeFile(image, 'some');
    await mkdir(elsewhere);
    const seen: { name: string; mode: number }[] = [];
    await backup(
      repo,
      { ...orderFor(repo, image), snapshotFolder: elsewhere, tracker: 'off' },
      (event) => {
        if (event.event !== 'snapshot' || event.act !== 'created') return;
        for (const name of readdirSync(elsewhere)) seen.push({ name, mode: statSync(join(elsewhere, name)).mode });
      },
      quiet(),
    );
    expect(seen).toEqual([{ name: expect.stringMatching(/^\.disk\.img\.strata-[0-9a-f]{8}$/), mode: 0o100600 }]);
    expect(await readdir(elsewhere)).toEqual([]);
  });
});

function orderFor(repo: Repository, source: string): BackupRequest {
  const beside = `${repo.store.folder}`;
  return { source, machine: 'm', disk: 'd', cacheFolder: `${beside}.cache`, snapshotRecords: `${beside}.snapshots` };
}

function backUp(
  repo: Repository,
  source: string,
  request: Partial<BackupRequest> = {},
  events: StrataEvent[] = [],
): Promise<BackupResult> {
  return backup(repo, { ...orderFor(repo, source), ...request }, (event) => events.push(event), quiet());
}

async function contentOf(repo: Repository, { point }: BackupResult): Promise<Buffer> {
  const to = join(await scratchFolder(), 'content');
  await restore(repo, { point: point ?? '', to }, () => undefined, quiet());
  return readFile(to);
}
