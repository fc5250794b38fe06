/**
 * Snapshots and trackers by dattobd, with a stand-in for its tool and driver: the driver itself is proven in
 * test/lab/dattobd.long.test.ts, where there is one.
 */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { allocationOf } from '../../../../src/backup/allocation/disk.ts';
import { covers, union } from '../../../../src/backup/allocation/extents.ts';
import { volumeOf } from '../../../../src/backup/allocation/volume.ts';
import { type BackupRequest, type BackupResult, backup } from '../../../../src/backup/backup.ts';
import type { SnapshotWish } from '../../../../src/backup/snapshots/provider.ts';
import { dattobd, elastioSnap } from '../../../../src/backup/snapshots/traced.ts';
import { inspectSource } from '../../../../src/backup/source.ts';
import { missesDiscards } from '../../../../src/backup/trackers/discards.ts';
import type { StrataEvent } from '../../../../src/repository/events.ts';
import type { Repository } from '../../../../src/repository/repository.ts';
import { restore } from '../../../../src/restore/restore.ts';
import { hasLoop } from '../../loop.ts';
import { quiet, scratchMemory, scratchRepository } from '../../scratch.ts';
import { type StandIn, standIn } from '../tracing/stand-in.ts';

const mib = 1024 ** 2;

describe.skipIf(!hasLoop)('a stand-in for dattobd (needs root and loop devices)', () => {
  // 004-01 … 004-08, 004-21, X-3
  it('has only what changed read, cycle after cycle, and everything when it cannot know', async () => {
    const repo = await scratchRepository();
    const driver = await stage();
    write(driver, 'a', 6);
    write(driver, 'b', 2);
    const first = await backUp(repo, driver);
    expect(first).toMatchObject({ snapshot: 'dattobd', consistency: 'crash', tracker: 'off', warnings: [] });
    expect(first.tracking).toMatchObject({ since: null, reason: 'there is no point to compare with' });
    const names = new Set(driver.files());
    rmSync(join(driver.folder, 'b'));
    write(driver, 'c', 1);
    // What is given back changes, too, and is not noted.
    execFileSync('fstrim', [driver.folder]);
    const second = await backUp(repo, driver, { allocation: 'required' });
    expect(second).toMatchObject({ tracker: 'dattobd', kind: 'incremental', warnings: [] });
    expect(second.tracking).toMatchObject({ since: first.point, reason: null });
    expect(second.bytesRead).toBeLessThan(5 * mib);
    const content = await contentOf(repo, second);
    await expectSnapshot(driver, content, second);
    const restored = join(await scratchMemory(), 'disk');
    writeFileSync(restored, content);
    execFileSync('e2fsck', ['-fn', restored], { stdio: 'pipe' });
    for (const name of driver.files()) names.add(name);
    driver.control('play-unmount', '0');
    write(driver, 'a', 1);
    const third = await backUp(repo, driver);
    expect(third).toMatchObject({ snapshot: 'dattobd', tracker: 'off', warnings: [] });
    expect(third.tracking).toMatchObject({ since: null, reason: expect.stringContaining('at work all the time') });
    await expectSnapshot(driver, await contentOf(repo, third), third);
    // One file is there, the newest; none is used twice.
    expect(driver.files()).toHaveLength(1);
    for (const name of driver.files()) names.add(name);
    expect(names.size).toBe(3);
    // Nothing is left where nothing is tracked any more.
    const off = await backUp(repo, driver, { tracker: 'off' });
    expect(off).toMatchObject({ snapshot: 'dattobd', tracker: 'off', tracking: null, warnings: [] });
    expect([...driver.files(), ...driver.minors()]).toEqual([]);
    expect(readdirSync(`${repo.store.folder}.records`)).toEqual([]);
  });

  // 004-20
  it('shows an XFS that is clean, and whose files are as they were', async () => {
    const repo = await scratchRepository();
    const driver = await stage('xfs');
    write(driver, 'a', 2);
    await backUp(repo, driver);
    rmSync(join(driver.folder, 'a'));
    write(driver, 'b', 2);
    const result = await backUp(repo, driver, { allocation: 'required' });
    expect(result).toMatchObject({
      tracker: 'dattobd',
      allocation: [{ fileSystem: 'xfs', reason: null }],
      warnings: [],
    });
    const [restored, at] = [join(await scratchMemory(), 'disk'), join(await scratchMemory(), 'mnt')];
    await restore(repo, { point: result.point ?? '', to: restored }, () => undefined, quiet());
    execFileSync('sh', ['-c', `mkdir ${at} && mount -o loop,nouuid ${restored} ${at}`]);
    onTestFinished(() => {
      execFileSync('umount', [at]);
    });
    expect(readFileSync(join(at, 'b')).equals(readFileSync(join(driver.folder, 'b')))).toBe(true);
    expect(existsSync(join(at, 'a'))).toBe(false);
  });

  // 004-16
  it('that fails makes no point or says so, leaves nothing, and goes on', async () => {
    const repo = await scratchRepository();
    const driver = await stage();
    write(driver, 'a', 8);
    driver.spoil('kill transition-to-incremental');
    const first = await backUp(repo, driver);
    expect(first).toMatchObject({ snapshot: 'dattobd', warnings: [{ code: 'CLEANUP' }] });
    expect(first.tracking).not.toHaveProperty('kept');
    expect([...driver.files(), ...driver.minors()]).toEqual([]);
    driver.spoil('');
    const second = await backUp(repo, driver);
    driver.spoil('fail transition-to-snapshot');
    const failure = { code: 'SNAPSHOT_FAILED', params: { reason: expect.stringContaining('Invalid argument') } };
    await expect(backUp(repo, driver)).rejects.toMatchObject(failure);
    expect(driver.files()).toHaveLength(1);
    driver.spoil('');
    const tooMuch = backUp(repo, driver, { snapshotSize: { bytes: 100 * mib } });
    await expect(tooMuch).rejects.toMatchObject({ params: { reason: expect.stringContaining('No space left') } });
    expect(driver.files()).toHaveLength(1);
    // It still rests where it was.
    driver.spoil('busy transition-to-snapshot');
    expect(await backUp(repo, driver)).toMatchObject({ tracker: 'dattobd', tracking: { since: second.point } });
    const positions: number[] = [];
    const full = backUp(repo, driver, { rateLimit: 2 * mib, tracker: 'off' }, (event) => {
      if (event.event === 'snapshot' && event.act === 'created') driver.control('play-error', '-27', '0');
      if (event.event === 'progress') positions.push(event.position);
    });
    await expect(full).rejects.toMatchObject({
      code: 'SNAPSHOT_LOST',
      params: { reason: expect.stringContaining('--snapshot-size') },
    });
    expect(Math.max(0, ...positions)).toBeLessThan(24 * mib);
    expect(driver.minors()).toEqual([]);
    // That of the newest point goes with the next one.
    expect(driver.files()).toHaveLength(1);
  });

  it('begins anew where it cannot go on, and says why', async () => {
    const driver = await stage();
    const make = async (id: string) => {
      const wish = await wishFor(driver, id);
      const places = await dattobd.plan(wish);
      const { traced } = await dattobd.create(wish, places);
      await dattobd.keep?.(places, id);
      return traced;
    };
    expect(await make('00000001')).toMatchObject({ sequence: 1, before: null, anew: 'dattobd did not follow it' });
    expect(await make('00000002')).toMatchObject({
      sequence: 2,
      anew: null,
      before: { file: fileOf(driver, '00000001') },
    });
    driver.control('play-state', '0', '0');
    const third = await make('00000003');
    expect(third).toMatchObject({ sequence: 1, before: null, anew: expect.stringContaining('was unmounted') });
  });

  it('is taken only by name, of a mounted ext or XFS that nobody else has it follow', async () => {
    const driver = await stage();
    const wish = await wishFor(driver, '0badcafe');
    const obstacle = () => dattobd.obstacle(wish);
    expect([dattobd.byNameOnly, await obstacle()]).toEqual([true, null]);
    expect(await elastioSnap.obstacle(wish)).toContain('elastio-snap is not loaded');
    const image = { ...wish, source: await inspectSource(null, driver.image) };
    expect(await dattobd.obstacle(image)).toContain('no block device');
    const [state, tool] = ['proc/datto-info', 'bin/dbdctl'].map((path) => join(rootOf(driver), path)) as [
      string,
      string,
    ];
    driver.control('setup-snapshot', '-f', '8', driver.device, join(driver.folder, 'theirs'), '0');
    expect(await obstacle()).toContain('another program (/theirs)');
    await expect(dattobd.create(wish, await dattobd.plan(wish))).rejects.toThrow(/destroy 0/);
    driver.control('destroy', '0');
    const [text, script] = [readFileSync(state, 'utf8'), readFileSync(tool)];
    writeFileSync(state, text.slice(0, -4));
    expect(await obstacle()).toContain('cannot tell');
    writeFileSync(state, text);
    rmSync(tool);
    expect(await obstacle()).toContain('dbdctl is missing');
    writeFileSync(tool, script, { mode: 0o755 });
    execFileSync('mount', ['-o', 'remount,ro', driver.folder]);
    expect(await obstacle()).toContain('not mounted writable');
    execFileSync('mount', ['-o', 'remount,rw', driver.folder]);
    // 004-07: a file that is there already is never used.
    const [file = ''] = await dattobd.plan(wish);
    expect(file).toBe(fileOf(driver, '0badcafe'));
    writeFileSync(file, 'a list of what changed');
    await expect(dattobd.create(wish, [file, driver.device])).rejects.toMatchObject({ code: 'SNAPSHOT_FAILED' });
    expect(readFileSync(file, 'utf8')).toBe('a list of what changed');
    // Blocks that are given back go unnoticed, unless a map leaves out all that is not used.
    const volume = { partition: null, offset: 0, size: 24 * mib, fileSystem: 'ext4', used: 5, reason: null };
    expect(await missesDiscards(driver.device, null)).toBe(true);
    expect(await missesDiscards(driver.device, { volumes: [volume], unallocated: [] })).toBe(false);
    const doubted = { ...volume, used: null, reason: 'it is not clean' };
    expect(await missesDiscards(driver.device, { volumes: [volume, doubted], unallocated: [] })).toBe(true);
  });

  it('is not asked for a file system that it does not know', async () => {
    const driver = await stage('btrfs');
    expect(await dattobd.obstacle(await wishFor(driver, '0badcafe'))).toContain('neither ext nor XFS');
  });
});

async function stage(type: 'ext4' | 'xfs' | 'btrfs' = 'ext4'): Promise<StandIn> {
  const driver = await standIn(type);
  for (const [name, value] of Object.entries(driver.environment)) vi.stubEnv(name, value);
  onTestFinished(() => void vi.unstubAllEnvs());
  return driver;
}

function rootOf({ environment }: StandIn): string {
  return environment.STRATA_DRIVER_ROOT;
}

function fileOf({ folder }: StandIn, id: string): string {
  return join(folder, `.strata-${id}.cow`);
}

async function wishFor({ device }: StandIn, id: string): Promise<SnapshotWish> {
  const source = await inspectSource(null, device);
  return {
    source,
    id,
    folder: null,
    store: null,
    size: { bytes: 4 * mib },
    freezeLimit: 0,
    needed: [],
    signal: quiet(),
  };
}

function write({ folder }: StandIn, name: string, mebibytes: number): void {
  writeFileSync(join(folder, name), randomBytes(mebibytes * mib));
  execFileSync('sync', ['--file-system', folder]);
}

function backUp(
  repo: Repository,
  { device }: StandIn,
  request: Partial<BackupRequest> = {},
  emit: (event: StrataEvent) => void = () => undefined,
): Promise<BackupResult> {
  const beside = repo.store.folder;
  const places = { cacheFolder: `${beside}.cache`, snapshotRecords: `${beside}.records` };
  const order = { source: device, machine: 'm', disk: 'd', snapshot: 'dattobd' } as const;
  const snapshotSize = { bytes: 4 * mib };
  return backup(repo, { ...order, ...places, snapshotSize, ...request }, emit, quiet());
}

async function contentOf(repo: Repository, { point }: BackupResult): Promise<Buffer> {
  const to = join(await scratchMemory(), 'content');
  await restore(repo, { point: point ?? '', to }, () => undefined, quiet());
  return readFileSync(to);
}

/** Fails unless a point is the snapshot that the stand-in keeps, but for the driver's own files and what is not used. */
async function expectSnapshot(driver: StandIn, content: Buffer, { tracking }: BackupResult): Promise<void> {
  const snapshot = readFileSync(join(rootOf(driver), 'snapshot-0.img'));
  expect(content.length).toBe(snapshot.length);
  const read = async (offset: number, length: number) => snapshot.subarray(offset, offset + length);
  const { unallocated } = await allocationOf(volumeOf(snapshot.length, read));
  const own = tracking?.kept?.untracked ?? [];
  expect(own.length).toBeGreaterThan(0);
  const meaningless = union(own, unallocated);
  for (let at = 0; at < content.length; at += 4096) {
    if (content.subarray(at, at + 4096).equals(snapshot.subarray(at, at + 4096))) continue;
    expect(covers(meaningless, [[at, 4096]]), `${at}`).toBe(true);
  }
}
