/**
 * Snapshots and the tracker of ZFS on volumes that a stand-in for its command plays, with loop devices and streams of our
 * own making: ZFS itself, and files on it, are proven in test/lab/zfs.long.test.ts, where there is a driver.
 */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { type BackupRequest, type BackupResult, backup } from '../../../../src/backup/backup.ts';
import { backupDisks } from '../../../../src/backup/disks.ts';
import type { Repository } from '../../../../src/repository/repository.ts';
import { restore } from '../../../../src/restore/restore.ts';
import { attach, hasLoop } from '../../loop.ts';
import { quiet, scratchMemory, scratchRepository } from '../../scratch.ts';
import { type ZfsStandIn, zfsStandIn } from '../zfs/stand-in.ts';

const mib = 1024 ** 2;
const block = 65536;
/** With all that a name may hold. */
const name = 'tank/vm 1/disk:a.b-c_d';

describe.skipIf(!hasLoop)('a stand-in for zfs (needs root and loop devices)', () => {
  // 003-03, X-3
  it('has only what changed read, and leaves one snapshot', async () => {
    const { repo, pool, device } = await stage();
    const first = await backUp(repo, device);
    expect(first).toMatchObject({ snapshot: 'zfs', consistency: 'crash', tracker: 'off', warnings: [] });
    expect(first.tracking).toMatchObject({ since: null, reason: 'there is no point to compare with' });
    await expectContent(repo, first, device);
    await write(device, 3 * mib, randomBytes(mib));
    await write(device, 6 * mib, Buffer.alloc(block));
    const second = await backUp(repo, device);
    expect(second).toMatchObject({ snapshot: 'zfs', tracker: 'zfs', kind: 'incremental', warnings: [] });
    expect(second.tracking).toMatchObject({ since: first.point, reason: null });
    const audited = (second.tracking?.auditedBlocks ?? 0) * block;
    expect(second.bytesRead).toBe(mib + block + audited);
    await expectContent(repo, second, device);
    // One is kept, the newest, held against whoever destroys by patterns; no clone is there any more.
    const kept = second.tracking?.kept?.path ?? '';
    expect(pool.known().sort()).toEqual([name, kept]);
    expect(pool.zfs('holds', '-H', kept)).toContain('strata-');
    const off = await backUp(repo, device, { tracker: 'off' });
    expect(off).toMatchObject({ snapshot: 'zfs', tracker: 'off', tracking: null, warnings: [] });
    expect(pool.known()).toEqual([name]);
    expect(recordsOf(repo)).toEqual([]);
  });

  it('has everything compared, with the reason, where it cannot say what changed', async () => {
    const { repo, pool, device } = await stage(2);
    const parameter = join(pool.root, 'sys/module/zfs/parameters/send_holes_without_birth_time');
    const spoilers: readonly [string, (kept: string) => void][] = [
      ['is gone', (kept) => destroy(pool, kept)],
      [
        'is another one',
        (kept) => {
          destroy(pool, kept);
          pool.zfs('snapshot', '-o', 'theirs:a=b', kept);
        },
      ],
      ['cannot be believed', () => pool.spoil('damage send')],
      ['breaks off', () => pool.spoil('cut send')],
      ['was ended by SIGKILL', () => pool.spoil('kill send')],
      ['leave holes out', () => writeFileSync(parameter, '0\n')],
    ];
    let { tracking } = await backUp(repo, device);
    for (const [reason, spoil] of spoilers) {
      spoil(tracking?.kept?.path ?? '');
      await write(device, mib, randomBytes(block));
      const next = await backUp(repo, device);
      expect(next).toMatchObject({ snapshot: 'zfs', tracker: 'off', bytesRead: 2 * mib, warnings: [] });
      expect(next.tracking).toMatchObject({ since: null, reason: expect.stringContaining(reason) });
      pool.spoil('');
      ({ tracking } = next);
    }
    writeFileSync(parameter, '1\n');
    const last = await backUp(repo, device);
    expect(last).toMatchObject({ tracker: 'zfs', warnings: [] });
    await expectContent(repo, last, device);
  });

  it('is switched off when it forgets what changed', async () => {
    const { repo, pool, device } = await stage(2);
    await backUp(repo, device);
    pool.spoil('forget send');
    await write(device, 0, randomBytes(2 * mib));
    const second = await backUp(repo, device);
    expect(second).toMatchObject({ tracker: 'off', warnings: [{ code: 'TRACKER_DISTRUSTED' }] });
    await expectContent(repo, second, device);
  });

  // 003-09, 003-13
  it('that refuses is a warning, or the end where a snapshot is required; nothing is left', async () => {
    const { repo, pool, device } = await stage(2);
    pool.spoil('deny snapshot');
    const auto = await backUp(repo, device);
    expect(auto).toMatchObject({ snapshot: 'off', warnings: [{ code: 'LIVE_SOURCE' }] });
    expect(auto.warnings[0]?.message).toContain('zfs allow');
    for (const flaw of ['kill snapshot', 'deny hold', 'deny clone']) {
      pool.spoil(flaw);
      const refused = backUp(repo, device, { snapshot: 'required' });
      await expect(refused, flaw).rejects.toMatchObject({ code: 'SNAPSHOT_FAILED' });
      expect(pool.known(), flaw).toEqual([name]);
      // The kernel may still be at what was killed: only the next run can tell.
      expect(recordsOf(repo), flaw).toHaveLength(flaw === 'kill snapshot' ? 1 : 0);
    }
    pool.spoil('unloaded list');
    const unloaded = { code: 'SNAPSHOT_IMPOSSIBLE', message: expect.stringContaining('modprobe zfs') };
    await expect(backUp(repo, device, { snapshot: 'zfs' })).rejects.toMatchObject(unloaded);
    vi.stubEnv('PATH', '/bin');
    const missing = { code: 'SNAPSHOT_IMPOSSIBLE', message: expect.stringContaining('zfsutils-linux') };
    await expect(backUp(repo, device, { snapshot: 'zfs' })).rejects.toMatchObject(missing);
  });

  it('destroys nothing of others, and goes on past who is busy or holds something', async () => {
    const { repo, pool, device } = await stage(2);
    const others = [`${name}@theirs`, `${name}@strata-cafe0001`];
    pool.zfs('snapshot', '-o', 'theirs:a=b', others[0] ?? '');
    pool.zfs('snapshot', '-o', 'strata:snapshot=0badcafe', others[1] ?? '');
    const first = await backUp(repo, device);
    const kept = first.tracking?.kept?.path ?? '';
    pool.zfs('hold', 'theirs', kept);
    pool.spoil('busy destroy');
    expect(await backUp(repo, device, { tracker: 'off' })).toMatchObject({ snapshot: 'zfs', warnings: [] });
    // It goes when they let go of it.
    expect(pool.known().sort()).toEqual([name, ...others, kept].sort());
    pool.zfs('release', 'theirs', kept);
    expect(pool.known().sort()).toEqual([name, ...others].sort());
    // Of a pool that is not there nobody knows what is left in it.
    await backUp(repo, device);
    writeFileSync(join(pool.root, 'pools'), 'other\n');
    execFileSync('sh', ['-c', `mv ${pool.root}/known ${pool.root}/away; mkdir ${pool.root}/known`]);
    const image = join(await scratchMemory(), 'image');
    writeFileSync(image, 'some');
    const gone = await backUp(repo, image, { snapshot: 'off' });
    expect(gone.warnings).toMatchObject([{ code: 'LEFTOVER', message: expect.stringContaining('is not imported') }]);
    execFileSync('sh', ['-c', `rmdir ${pool.root}/known; mv ${pool.root}/away ${pool.root}/known`]);
    writeFileSync(join(pool.root, 'pools'), 'tank\n');
    expect((await backUp(repo, image, { snapshot: 'off' })).warnings).toEqual([]);
    expect(pool.known().sort()).toEqual([name, ...others].sort());
  });

  it('is asked for no device that is none of its volumes', async () => {
    const { repo, pool } = await stage(2);
    const image = join(await scratchMemory(), 'image');
    writeFileSync(image, randomBytes(mib));
    const wanted = { snapshot: 'zfs' };
    const refused = { code: 'SNAPSHOT_IMPOSSIBLE', message: expect.stringContaining('no volume of ZFS') };
    await expect(backUp(repo, attach(image), wanted)).rejects.toMatchObject(refused);
    const file = { code: 'SNAPSHOT_IMPOSSIBLE', message: expect.stringContaining('does not lie on ZFS') };
    await expect(backUp(repo, image, wanted)).rejects.toMatchObject(file);
    expect(pool.calls().filter((call) => !/^(play|list)/.test(call))).toEqual([]);
  });

  it('makes the snapshots of several volumes at once', async () => {
    const { repo, pool, device } = await stage(2);
    const devices = [device, pool.volume('tank/other', mib)];
    await write(devices[1] ?? '', 0, randomBytes(mib));
    const run = async () => {
      const disks = devices.map((source, at) => ({ source, disk: `disk${at}` }));
      const surroundings = { emit: () => undefined, signal: quiet(), stop: () => undefined };
      const request = { ...placesFor(repo), machine: 'm', disks, snapshot: 'required' };
      return backupDisks(repo, request, surroundings, () => undefined);
    };
    for (const tracker of ['off', 'zfs']) {
      const outcome = await run();
      expect(outcome).toMatchObject({ oneInstant: true, warnings: [] });
      for (const [at, disk] of outcome.disks.entries()) {
        if ('error' in disk) throw disk.error;
        expect(disk.result).toMatchObject({ snapshot: 'zfs', tracker });
        await expectContent(repo, disk.result, devices[at] ?? '');
        await write(devices[at] ?? '', 0, randomBytes(block));
      }
    }
    const made = pool.calls().filter((call) => call.startsWith('snapshot'));
    expect(made).toHaveLength(2);
    for (const call of made) expect(call).toMatch(/ tank\/vm 1\/disk:a.b-c_d@strata-(.{8}) tank\/other@strata-\1$/);
    // One of each is kept, and held by its disk alone.
    const snapshots = pool.known().filter((known) => known.includes('@'));
    expect(snapshots).toHaveLength(2);
    for (const snapshot of snapshots) expect(pool.zfs('holds', '-H', snapshot).split('\n')).toHaveLength(1);
  });
});

async function stage(mebibytes = 8) {
  const [repo, pool] = [await scratchRepository(), await zfsStandIn()];
  for (const [variable, value] of Object.entries(pool.environment)) vi.stubEnv(variable, value);
  onTestFinished(() => void vi.unstubAllEnvs());
  const device = pool.volume(name, mebibytes * mib);
  await write(device, 0, randomBytes(mebibytes * mib));
  return { repo, pool, device };
}

/** As somebody else does that knows what he does. */
function destroy(pool: ZfsStandIn, snapshot: string): void {
  for (const line of pool.zfs('holds', '-H', snapshot).split('\n'))
    pool.zfs('release', line.split('\t')[1] ?? '', snapshot);
  pool.zfs('destroy', '-d', snapshot);
}

async function write(path: string, at: number, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'r+');
  try {
    await file.write(bytes, 0, bytes.length, at);
    await file.sync();
  } finally {
    await file.close();
  }
}

function placesFor(repo: Repository) {
  const beside = repo.store.folder;
  return { cacheFolder: `${beside}.cache`, snapshotRecords: `${beside}.records` };
}

function recordsOf(repo: Repository): string[] {
  return readdirSync(placesFor(repo).snapshotRecords);
}

function backUp(repo: Repository, source: string, request: Partial<BackupRequest> = {}): Promise<BackupResult> {
  const order = { source, machine: 'm', disk: 'd', ...placesFor(repo) };
  return backup(repo, { ...order, ...request }, () => undefined, quiet());
}

async function expectContent(repo: Repository, { point }: BackupResult, device: string): Promise<void> {
  const to = join(await scratchMemory(), 'content');
  await restore(repo, { point: point ?? '', to }, () => undefined, quiet());
  expect(readFileSync(to).equals(readFileSync(device))).toBe(true);
}
