import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, readdir, readFile, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type BackupRequest, type BackupResult, backup } from '../../../src/backup/backup.ts';
import type { StrataEvent } from '../../../src/repository/events.ts';
import { thisProcess } from '../../../src/repository/here.ts';
import { Lease } from '../../../src/repository/lease.ts';
import { columnName, manifestName } from '../../../src/repository/manifest.ts';
import { writeMark } from '../../../src/repository/marks.ts';
import { listPacks, packName } from '../../../src/repository/packs.ts';
import { listPoints, readManifest } from '../../../src/repository/points.ts';
import type { Repository } from '../../../src/repository/repository.ts';
import { restore } from '../../../src/restore/restore.ts';
import { block, changeBlocks, hashOf, writeImage } from '../images.ts';
import { attach, hasLoop, mount } from '../loop.ts';
import { idFrom } from '../repository/manifests.ts';
import { quiet, scratchFolder, scratchRepository } from '../scratch.ts';

interface Bench {
  readonly repo: Repository;
  readonly folder: string;
  readonly image: string;
  readonly events: StrataEvent[];
  backUp(request?: Partial<BackupRequest>, signal?: AbortSignal): Promise<BackupResult>;
  /** Hash of what a point restores to. */
  restored(point: string | null): Promise<string>;
}

async function bench(shape = 'rtz.rrtt', passphrase?: string): Promise<Bench> {
  const repo = await scratchRepository(passphrase);
  const folder = await scratchFolder();
  const image = join(folder, 'disk.img');
  await writeImage(image, shape);
  const events: StrataEvent[] = [];
  const cacheFolder = join(folder, 'cache');
  return {
    repo,
    folder,
    image,
    events,
    backUp: (request = {}, signal = quiet()) =>
      backup(
        repo,
        { source: image, machine: 'web1', disk: 'sda', cacheFolder, ...request },
        (event) => events.push(event),
        signal,
      ),
    restored: async (point) => {
      const to = join(folder, `${point}.out`);
      await restore(repo, { point: point ?? '', to, force: true }, () => undefined, quiet());
      return hashOf(to);
    },
  };
}

async function objects(repo: Repository): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of repo.store.list('')) names.push(name);
  return names.sort();
}

describe('backup', () => {
  it.each([undefined, 'secret'])(
    'makes a full, then incrementals that store what changed (passphrase %s)',
    async (passphrase) => {
      const { repo, image, events, backUp, restored } = await bench('rtz.rrtt', passphrase);
      const hashes = [await hashOf(image)];
      const full = await backUp({ tags: ['a', 'a'], note: 'first' });
      expect(full).toMatchObject({
        machine: 'web1',
        disk: 'sda',
        kind: 'full',
        parent: null,
        size: 8 * block,
        bytesNew: 6 * block,
        blocks: { changed: 6, deduplicated: 0 },
        warnings: [],
      });
      await changeBlocks(image, 2, 5);
      hashes.push(await hashOf(image));
      const second = await backUp();
      expect(second).toMatchObject({
        kind: 'incremental',
        parent: full.point,
        bytesNew: 2 * block,
        blocks: { changed: 2, deduplicated: 0 },
      });
      hashes.push(await hashOf(image));
      const third = await backUp();
      expect(third).toMatchObject({
        kind: 'incremental',
        parent: second.point,
        bytesNew: 0,
        bytesStored: 0,
        blocks: { changed: 0, zero: 0, deduplicated: 0 },
      });
      const points = [full, second, third].map(({ point }) => point);
      expect(await Promise.all(points.map(restored))).toEqual(hashes);
      expect((await listPoints(repo)).points.map(({ id, chainLength }) => [id, chainLength])).toEqual([
        [third.point, 3],
        [second.point, 2],
        [full.point, 1],
      ]);
      expect(await readManifest(repo, full.point ?? '')).toMatchObject({
        tags: ['a'],
        note: 'first',
        type: 'manual',
        source: { path: image, kind: 'file' },
        host: hostname(),
      });
      expect(events.filter(({ event }) => event === 'started')).toMatchObject([
        { kind: 'full' },
        { kind: 'incremental', parent: full.point },
        { kind: 'incremental' },
      ]);
    },
  );

  it('leaves nothing but packs, maps and manifests', async () => {
    const { repo, backUp } = await bench();
    const { point } = await backUp();
    const [pack] = [...(await listPacks(repo)).keys()];
    expect(await objects(repo)).toEqual(
      [
        columnName(point ?? '', 'dig'),
        columnName(point ?? '', 'loc'),
        packName(pack ?? ''),
        manifestName(point ?? ''),
        'strata.json',
      ].sort(),
    );
    expect(await readdir(repo.store.localPath('tmp'))).toEqual([]);
  });

  it('follows a source that grows, shrinks and has a last block cut short', async () => {
    const { image, backUp, restored } = await bench('rrrr');
    const sizes = [4 * block, 6 * block + 512, 3 * block - 4096, 5 * block - 1];
    for (const [run, size] of sizes.entries()) {
      await truncate(image, size);
      if (run === 1) await changeBlocks(image, 5);
      const { point, kind, size: recorded } = await backUp();
      expect([kind, recorded]).toEqual([run === 0 ? 'full' : 'incremental', size]);
      expect(await restored(point)).toBe(await hashOf(image));
    }
  });

  it('stores what another disk holds already only once', async () => {
    const { folder, image, backUp, restored } = await bench('rrrr');
    await backUp();
    const copy = join(folder, 'copy.img');
    await copyFile(image, copy);
    const other = await backUp({ source: copy, machine: 'web2', disk: undefined });
    expect(other).toMatchObject({ disk: 'copy.img', kind: 'full', bytesNew: 0, blocks: { deduplicated: 4 } });
    expect(await restored(other.point)).toBe(await hashOf(image));
  });

  it('stands on the newest point of the disk, whatever type or tags that has', async () => {
    const { backUp } = await bench();
    const { point } = await backUp({ type: 'manual' });
    const scheduled = await backUp({ type: 'scheduled', tags: ['nightly'] });
    expect(scheduled).toMatchObject({ kind: 'incremental', parent: point });
    expect(await backUp({ type: 'manual' })).toMatchObject({ kind: 'incremental', parent: scheduled.point });
  });

  it('makes a full when asked', async () => {
    const { image, backUp, restored } = await bench();
    await backUp();
    const full = await backUp({ full: true });
    expect(full).toMatchObject({ kind: 'full', parent: null, bytesNew: 0, warnings: [] });
    expect(await restored(full.point)).toBe(await hashOf(image));
  });

  it('reads a named pipe to its end', async () => {
    const { folder, image, backUp, restored } = await bench('rtzr');
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const written = once(spawn('cp', [image, pipe]), 'close');
    const result = await backUp({ source: pipe });
    await written;
    expect(result).toMatchObject({ kind: 'full', size: 4 * block });
    expect(await restored(result.point)).toBe(await hashOf(image));
  });

  it('says what it would do and writes nothing', async () => {
    const { repo, folder, backUp } = await bench();
    const before = await objects(repo);
    expect(await backUp({ dryRun: true })).toMatchObject({
      point: null,
      dryRun: true,
      kind: 'full',
      parent: null,
      size: 8 * block,
    });
    expect(await objects(repo)).toEqual(before);
    const { point } = await backUp();
    const after = await objects(repo);
    expect(await backUp({ dryRun: true })).toMatchObject({ point: null, kind: 'incremental', parent: point });
    expect(await objects(repo)).toEqual(after);
    expect(await readdir(folder)).toEqual(['cache', 'disk.img']);
  });

  it('goes on without a cache when there is no place for one, and says so', async () => {
    const { image, backUp, restored } = await bench();
    const { point, warnings } = await backUp({ cacheFolder: join(image, 'cache') });
    expect(warnings).toMatchObject([{ code: 'CACHE_UNUSABLE', message: expect.stringContaining('not a directory') }]);
    expect(await restored(point)).toBe(await hashOf(image));
  });

  it('stands on the newest point that is not forgotten', async () => {
    const { repo, backUp } = await bench();
    const { point: first } = await backUp();
    const { point: second } = await backUp();
    await writeMark(repo, second ?? '', 'forgotten', true);
    expect(await backUp()).toMatchObject({ kind: 'incremental', parent: first });
  });

  it('keeps the same disk of two machines apart', async () => {
    const { backUp } = await bench();
    await backUp();
    expect(await backUp({ machine: 'web2' })).toMatchObject({ kind: 'full', blocks: { deduplicated: 6 } });
  });
});

describe('a backup on a damaged repository', () => {
  it('makes a full, with a warning, when its parent cannot be used', async () => {
    const { repo, image, backUp, restored } = await bench();
    const damages: ((point: string) => Promise<void>)[] = [
      (point) => rm(repo.store.localPath(columnName(point, 'loc'))),
      (point) => rm(repo.store.localPath(columnName(point, 'dig'))),
      (point) => truncate(repo.store.localPath(columnName(point, 'dig')), 100),
      async (point) => {
        const path = repo.store.localPath(columnName(point, 'dig'));
        await writeFile(path, Buffer.alloc((await stat(path)).size));
      },
      async (point) => {
        const path = repo.store.localPath(columnName(point, 'loc'));
        await writeFile(path, Buffer.alloc((await stat(path)).size));
      },
    ];
    for (const damage of damages) {
      const { point: parent } = await backUp();
      await damage(parent ?? '');
      const full = await backUp();
      expect(full).toMatchObject({ kind: 'full', parent: null, warnings: [{ code: 'PARENT_UNUSABLE' }] });
      expect(full.warnings[0]?.message).toContain(parent);
      expect(await restored(full.point)).toBe(await hashOf(image));
      expect((await readManifest(repo, full.point ?? '')).warnings).toEqual(full.warnings);
    }
    expect(await readdir(repo.store.localPath('tmp'))).toEqual([]);
    expect((await objects(repo)).filter((name) => name.startsWith('leases/'))).toEqual([]);
  });

  it('makes a full of a stream, which it cannot read twice, when a map is damaged anywhere', async () => {
    const { repo, folder, image, backUp, restored } = await bench();
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const stream = async () => {
      const feed = spawn('cp', [image, pipe], { stdio: 'ignore' });
      const [result] = await Promise.all([backUp({ source: pipe }), once(feed, 'exit')]);
      return result;
    };
    for (const column of ['loc', 'dig'] as const) {
      const { point: parent } = await stream();
      expect(await stream()).toMatchObject({ kind: 'incremental', parent, blocks: { changed: 0 } });
      const path = repo.store.localPath(columnName(parent ?? '', column));
      const bytes = await readFile(path);
      // In a page, which comes before the index.
      bytes[100] = (bytes[100] ?? 0) ^ 1;
      await writeFile(path, bytes);
      const full = await stream();
      expect(full).toMatchObject({ kind: 'full', parent: null, warnings: [{ code: 'PARENT_UNUSABLE' }] });
      expect(await restored(full.point)).toBe(await hashOf(image));
    }
  });

  it('makes a full when a point of the chain is lost', async () => {
    const { repo, backUp } = await bench();
    const { point: first } = await backUp();
    await backUp();
    await rm(repo.store.localPath(manifestName(first ?? '')));
    expect(await backUp()).toMatchObject({ kind: 'full', warnings: [{ code: 'PARENT_UNUSABLE' }] });
  });

  it('goes on beside a manifest that cannot be read', async () => {
    const { repo, backUp } = await bench();
    const { point: first } = await backUp();
    await repo.store.put(manifestName(idFrom('ee')), Buffer.from('garbage'));
    expect(await backUp()).toMatchObject({
      kind: 'incremental',
      parent: first,
      warnings: [{ code: 'MANIFEST_DAMAGED' }],
    });
  });

  it('stores again what lay in a pack that is lost', async () => {
    const { repo, image, backUp, restored } = await bench('rrrr');
    await backUp();
    const [pack] = [...(await listPacks(repo)).keys()];
    await rm(repo.store.localPath(packName(pack ?? '')));
    const healed = await backUp();
    expect(healed).toMatchObject({ kind: 'incremental', bytesNew: 4 * block, warnings: [{ code: 'PACK_MISSING' }] });
    expect(await restored(healed.point)).toBe(await hashOf(image));
  });

  it('uses no pack whose index is damaged', async () => {
    const { repo, image, backUp, restored } = await bench('rrrr');
    const run = idFrom('dd');
    await repo.store.put(packName(`${run}00000000`), Buffer.alloc(1000, 'garbage'));
    const result = await backUp();
    expect(result).toMatchObject({ warnings: [{ code: 'PACK_DAMAGED' }] });
    expect(await restored(result.point)).toBe(await hashOf(image));
  });
});

describe('a backup among others', () => {
  it('is refused while the disk is being backed up', async () => {
    const { repo, backUp } = await bench();
    const lease = await Lease.take(
      repo,
      idFrom('a1'),
      { purpose: 'backup', machine: 'web1', disk: 'sda' },
      () => undefined,
    );
    await expect(backUp()).rejects.toMatchObject({ code: 'LOCKED', exitCode: 11 });
    expect(await backUp({ disk: 'sdb' })).toMatchObject({ kind: 'full' });
    await lease.release();
    expect(await backUp()).toMatchObject({ kind: 'full' });
  });

  it('does not disturb one of another disk at the same time', async () => {
    const { image, backUp, restored } = await bench('rrrrrrrr');
    const results = await Promise.all(['sda', 'sdb', 'sdc'].map((disk) => backUp({ disk })));
    for (const { point } of results) expect(await restored(point)).toBe(await hashOf(image));
  });

  it('tells of a dead run and uses its packs', async () => {
    const { repo, image, events, backUp, restored } = await bench('rrrr');
    const { point } = await backUp();
    // As if the run had been killed just before its manifest: the lease is there, the point is not.
    await rm(repo.store.localPath(manifestName(point ?? '')));
    const dead = { ...thisProcess(), pid: 2 ** 30, startOf: () => '1' };
    await Lease.take(repo, point ?? '', { purpose: 'backup', machine: 'web1', disk: 'sda' }, () => undefined, dead);
    const next = await backUp();
    expect(next).toMatchObject({ kind: 'full', bytesNew: 0, blocks: { deduplicated: 4 } });
    expect(events.filter(({ event }) => event === 'resumed')).toMatchObject([
      { run: point, machine: 'web1', disk: 'sda', packs: 1 },
    ]);
    expect(await restored(next.point)).toBe(await hashOf(image));
  });

  it('commits nothing when its lease is lost', async () => {
    const { repo, folder, backUp } = await bench('rrrr');
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const running = backUp({ source: pipe });
    const writer = spawn('sh', ['-c', `cat > ${pipe}`]);
    writer.stdin.write(Buffer.alloc(block, 'x'));
    let leases: string[] = [];
    while (leases.length === 0) leases = (await objects(repo)).filter((name) => name.startsWith('leases/'));
    for (const name of leases) await repo.store.remove(name);
    writer.stdin.end();
    await expect(running).rejects.toMatchObject({ code: 'LEASE_LOST' });
    expect((await listPoints(repo)).points).toEqual([]);
  });

  it('that is interrupted keeps the packs that arrived', async () => {
    const { repo, image, folder, backUp, restored } = await bench('rrrr');
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const abort = new AbortController();
    const running = backUp({ source: pipe }, abort.signal);
    const writer = spawn('sh', ['-c', `cat ${image} - > ${pipe}`]);
    while ((await repo.store.spools()).length === 0) await new Promise(setImmediate);
    writer.stdin.write('x');
    abort.abort();
    writer.stdin.end();
    await expect(running).rejects.toMatchObject({ code: 'INTERRUPTED', exitCode: 130 });
    expect((await objects(repo)).filter((name) => /^(points|maps|leases)/.test(name))).toEqual([]);
    expect(await repo.store.spools()).toEqual([]);
    const { point } = await backUp();
    expect(await restored(point)).toBe(await hashOf(image));
  });

  it('that is interrupted before it begins does nothing', async () => {
    const { repo, backUp } = await bench();
    await expect(backUp({}, AbortSignal.abort())).rejects.toMatchObject({ code: 'INTERRUPTED' });
    expect(await objects(repo)).toEqual(['strata.json']);
  });
});

describe('a backup of what is no good source', () => {
  it.each([
    ['is missing', 'nothing', 'SOURCE_MISSING'],
    ['is missing below a file', 'disk.img/x', 'SOURCE_MISSING'],
    ['is empty', 'empty', 'SOURCE_EMPTY'],
    ['is a directory', '.', 'SOURCE_IS_DIRECTORY'],
    ['is a character device', '/dev/null', 'SOURCE_UNSUITABLE'],
  ])('refuses one that %s', async (_, source, code) => {
    const { repo, folder, backUp } = await bench();
    await writeFile(join(folder, 'empty'), '');
    const path = source.startsWith('/') ? source : join(folder, source);
    await expect(backUp({ source: path })).rejects.toMatchObject({ code, exitCode: 1 });
    expect(await objects(repo)).toEqual(['strata.json']);
  });

  it('refuses one inside the repository, through a link too', async () => {
    const { repo, folder, backUp } = await bench();
    const link = join(folder, 'link');
    await symlink(repo.store.localPath('strata.json'), link);
    for (const source of [repo.store.localPath('strata.json'), link]) {
      await expect(backUp({ source })).rejects.toMatchObject({ code: 'SOURCE_IN_REPOSITORY' });
    }
  });

  it('refuses an empty pipe once it has ended', async () => {
    const { repo, folder, backUp } = await bench();
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const written = once(spawn('cp', ['/dev/null', pipe]), 'close');
    await expect(backUp({ source: pipe })).rejects.toMatchObject({ code: 'SOURCE_EMPTY' });
    await written;
    expect(await objects(repo)).toEqual(['strata.json']);
  });

  it.each([
    ['a snapshot that nobody can make', { snapshot: 'freeze' }, 'SNAPSHOT_IMPOSSIBLE'],
    ['a provider that does not exist', { snapshot: 'vss' }, 'USAGE'],
    ['a tracker that does not exist', { tracker: 'usn' }, 'USAGE'],
    ['a machine that is no name', { machine: 'a/b' }, 'USAGE'],
    ['a disk that is no name', { disk: '..' }, 'USAGE'],
    ['a level beyond measure', { level: 99 }, 'USAGE'],
    ['a negative rate limit', { rateLimit: -1 }, 'USAGE'],
    ['an empty tag', { tags: [''] }, 'USAGE'],
    ['no source', { source: '' }, 'USAGE'],
  ])('refuses %s before it reads or writes', async (_, request, code) => {
    const { repo, backUp } = await bench();
    await expect(backUp(request)).rejects.toMatchObject({ code });
    expect(await objects(repo)).toEqual(['strata.json']);
  });
});

describe.skipIf(!hasLoop)('a backup of a block device', () => {
  it('reads it whole', async () => {
    const { image, backUp, restored } = await bench('rtz.rrtt');
    const device = attach(image);
    const result = await backUp({ source: device });
    expect(result).toMatchObject({ kind: 'full', size: 8 * block, warnings: [] });
    expect(await restored(result.point)).toBe(await hashOf(image));
  });

  it('warns when it, or the image it shows, is mounted writable', async () => {
    const { folder, image, backUp } = await bench();
    await truncate(image, 16 * 1024 * 1024);
    await mkdir(join(folder, 'mounted'));
    const device = attach(image);
    mount(device, join(folder, 'mounted'));
    for (const source of [device, image]) {
      const { warnings } = await backUp({ source });
      expect(warnings).toMatchObject([
        { code: 'LIVE_SOURCE', message: expect.stringContaining(join(folder, 'mounted')) },
      ]);
    }
  });
});
