/** Whatever ends a backup, its snapshot does not outlive the next one. */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Bench, openBench } from '../e2e/strata.ts';
import { standIn } from '../unit/backup/tracing/stand-in.ts';
import { zfsStandIn } from '../unit/backup/zfs/stand-in.ts';
import { attach, hasLoop, mount, mountNew } from '../unit/loop.ts';
import { scratchFolder } from '../unit/scratch.ts';

const mib = 1024 ** 2;

describe.skipIf(!hasLoop)('snapshots of backups that broke off (need root and loop devices)', async () => {
  const bench = await openBench();
  const repo = bench.path('repo');
  await bench.document(['init', '--repo', repo, '--no-encryption', '--block-size', '64K']);
  const order = (source: string, ...more: string[]) => [
    'backup',
    source,
    '--repo',
    repo,
    '--machine',
    'm',
    '--tracker',
    'off',
    '--json',
    ...more,
  ];

  // 003-08, 003-09, 000-23
  it('are cleared by the next backup after kill -9 at any step', async () => {
    const { folder } = await mountNew('xfs');
    const image = join(folder, 'disk.img');
    await writeFile(image, Buffer.alloc(mib, 7));
    const next = join(folder, 'next.img');
    await writeFile(next, 'another disk');
    for (const step of ['record', 'clone', 'remove', 'forget']) {
      const env = { STRATA_FAILPOINT: `snapshot.${step}:1:kill` };
      expect((await bench.strata(order(image), { env })).code).toBe(null);
      expect([...(await left(folder)), ...(await records(bench))], step).not.toEqual([]);
      const events = await bench.events(order(next));
      expect(events.at(-1)).toMatchObject({ snapshot: 'reflink', warnings: [] });
      expect(await left(folder), step).toEqual([]);
      expect(await records(bench), step).toEqual([]);
    }
  });

  it('of Btrfs subvolumes are cleared, too', async () => {
    const { folder } = await mountNew('btrfs');
    const image = join(folder, 'disk.img');
    await writeFile(image, Buffer.alloc(mib, 7));
    const env = { STRATA_FAILPOINT: 'snapshot.remove:1:kill' };
    expect((await bench.strata(order(image, '--snapshot', 'btrfs'), { env })).code).toBe(null);
    expect(await left(folder)).toHaveLength(1);
    const events = await bench.events(order(image));
    expect(events).toContainEqual(expect.objectContaining({ event: 'snapshot', act: 'cleared', provider: 'btrfs' }));
    expect(await left(folder)).toEqual([]);
    expect(await records(bench)).toEqual([]);
  });

  it('that were to be kept, or to go for a newer one, are cleared or kept as their records say', async () => {
    const { folder } = await mountNew('xfs');
    const image = join(folder, 'kept.img');
    await writeFile(image, Buffer.alloc(mib, 7));
    const words = ['backup', image, '--repo', repo, '--machine', 'm', '--json'];
    const kill = async (step: string) => {
      expect((await bench.strata(words, { env: { STRATA_FAILPOINT: `snapshot.${step}:1:kill` } })).code).toBe(null);
    };
    // The point is made, its file is not kept: the next backup compares everything.
    await kill('keep');
    expect((await bench.events(words)).at(-1)).toMatchObject({
      tracker: 'off',
      tracking: { since: null },
      warnings: [],
    });
    expect(await left(folder)).toHaveLength(1);
    // Both are kept; the newer one is used, then both go for the next.
    await kill('remove');
    expect(await left(folder)).toHaveLength(2);
    expect((await bench.events(words)).at(-1)).toMatchObject({ tracker: 'reflink', warnings: [] });
    const [only = ''] = await left(folder);
    expect((await bench.document(['doctor'])).snapshots).toEqual([
      expect.objectContaining({ disk: 'kept.img', kept: true, places: [join(folder, only)] }),
    ]);
    await bench.events([...words, '--tracker', 'off']);
    expect([...(await left(folder)), ...(await records(bench))]).toEqual([]);
  });

  it('by a stand-in for dattobd are cleared, and it follows the disk anew', async () => {
    const { device, files, minors, environment } = await standIn();
    const snapshot = ['--snapshot', 'dattobd', '--snapshot-size', '4M'];
    const words = ['backup', device, '--repo', repo, '--machine', 'm', ...snapshot, '--json'];
    for (const step of ['setup', 'rest', 'keep', 'transition']) {
      const env = { ...environment, STRATA_FAILPOINT: `snapshot.${step}:1:kill` };
      expect((await bench.strata(words, { env })).code).toBe(null);
      const [result] = (await bench.events(words, { env: environment })).slice(-1);
      // Killed before the driver went on, it still rests where it was.
      const tracker = step === 'transition' ? 'dattobd' : 'off';
      expect(result, step).toMatchObject({ snapshot: 'dattobd', tracker, warnings: [] });
      expect([files().length, minors()], step).toEqual([1, [0]]);
    }
    await bench.events([...words, '--tracker', 'off'], { env: environment });
    expect([...files(), ...minors(), ...(await records(bench))]).toEqual([]);
  });

  it('by a stand-in for zfs are cleared, and what the tracker needs is kept', async () => {
    const pool = await zfsStandIn();
    const { environment: env } = pool;
    const [one, two] = [pool.volume('tank/a', mib), pool.volume('tank/b c', mib)];
    for (const device of [one, two]) await writeFile(device, Buffer.alloc(mib, 7));
    const words = ['backup', one, '--repo', repo, '--machine', 'm', '--json'];
    for (const step of ['held', 'show', 'keep']) {
      const killed = await bench.strata(words, { env: { ...env, STRATA_FAILPOINT: `snapshot.${step}:1:kill` } });
      expect(killed.code, step).toBe(null);
      const [result] = (await bench.events(words, { env })).slice(-1);
      expect(result, step).toMatchObject({ snapshot: 'zfs', warnings: [] });
      expect(pool.known().sort(), step).toEqual(['tank/a', result.tracking.kept.path, 'tank/b c']);
    }
    await bench.events([...words, '--tracker', 'off'], { env });
    const both = ['backup', one, two, '--repo', repo, '--machine', 'm', '--tracker', 'off', '--json'];
    const joint = { ...env, STRATA_FAILPOINT: 'snapshot.show:2:kill' };
    expect((await bench.strata(both, { env: joint })).code).toBe(null);
    expect(pool.known().filter((known) => known.includes('@'))).toHaveLength(2);
    expect((await bench.events(both, { env })).at(-1)).toMatchObject({ oneInstant: true });
    expect(pool.known().sort()).toEqual(['tank/a', 'tank/b c']);
    expect(await records(bench)).toEqual([]);
  }, 180_000);

  it('of several disks let all of them go on, and are cleared', async () => {
    const { folder } = await mountNew('xfs');
    const images = ['one.img', 'two.img', 'three.img'].map((name) => join(folder, name));
    const mounts: string[] = [];
    for (const image of images) {
      await writeFile(image, Buffer.alloc(4 * mib));
      const at = join(await scratchFolder(), 'mnt');
      await mkdir(at);
      mount(attach(image), at);
      mounts.push(at);
    }
    const words = ['backup', ...images, '--repo', repo, '--machine', 'm', '--tracker', 'off', '--json'];
    // Of three disks two are held; of each there is a record, and one of the hold.
    for (const step of ['hold:2', 'clone:3', 'release:1']) {
      const env = { STRATA_FAILPOINT: `snapshot.${step}:kill` };
      expect((await bench.strata(words, { env })).code, step).toBe(null);
      for (const at of mounts) await writeFile(join(at, 'file'), 'can be written');
      expect(await records(bench), step).not.toEqual([]);
      expect((await bench.events([...words, '--snapshot', 'required'])).at(-1)).toMatchObject({ oneInstant: true });
      expect([...(await left(folder)), ...(await records(bench))], step).toEqual([]);
    }
  });

  it('of a Btrfs subvolume that several disks lie in are cleared', async () => {
    const { folder } = await mountNew('btrfs');
    const images = ['one.img', 'two.img'].map((name) => join(folder, name));
    for (const image of images) await writeFile(image, Buffer.alloc(mib, 7));
    const words = ['backup', ...images, '--repo', repo, '--machine', 'm', '--tracker', 'off', '--json'];
    for (const step of ['clone:2']) {
      expect((await bench.strata(words, { env: { STRATA_FAILPOINT: `snapshot.${step}:kill` } })).code).toBe(null);
      expect(await left(folder), step).not.toEqual([]);
      await bench.events(words);
      expect([...(await left(folder)), ...(await records(bench))], step).toEqual([]);
    }
  });

  it('do not keep a file system frozen', async () => {
    const { folder, device } = await mountNew('ext4', 16);
    const env = { STRATA_FAILPOINT: 'snapshot.remove:1:kill' };
    expect((await bench.strata(order(device, '--snapshot', 'freeze'), { env })).code).toBe(null);
    // It is thawed by the guard, at once.
    await writeFile(join(folder, 'file'), 'can be written');
    await bench.events(order(device, '--snapshot', 'freeze'));
    expect(await readFile(join(folder, 'file'), 'utf8')).toBe('can be written');
    expect(await records(bench)).toEqual([]);
  });

  // 003-07
  it.each(['SIGINT', 'SIGTERM'] as const)('are removed on %s', async (signal) => {
    const { folder } = await mountNew('xfs');
    const image = join(folder, 'disk.img');
    await writeFile(image, Buffer.alloc(4 * mib, 7));
    const running = bench.start(order(image, '--rate-limit', '64K'));
    await running.event(({ event, act }) => event === 'snapshot' && act === 'created');
    expect(await left(folder)).toHaveLength(1);
    running.kill(signal);
    expect((await running.outcome).code).toBe(130);
    expect(await left(folder)).toEqual([]);
    expect(await records(bench)).toEqual([]);
  });
});

/** What of snapshots lies there. */
async function left(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter((name) => name.includes('strata'));
}

async function records({ path }: Bench): Promise<string[]> {
  await mkdir(path('snapshots'), { recursive: true });
  return readdir(path('snapshots'));
}
