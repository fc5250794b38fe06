/** What both FUSE drivers must do, on the real kernel: what is there, what is read, what comes and goes, and how it ends. */

import { randomBytes } from 'node:crypto';
import {
  access,
  chmod,
  cp,
  link,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  rmdir,
  stat,
  statfs,
  symlink,
  truncate,
  unlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { basename, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { mib, run } from '../e2e/images.ts';
import { type Json, openBench, parseLines } from '../e2e/strata.ts';
import { noQemu, noVhdi, qemuCompare, vhdiCompare, warnOfMissing } from '../unit/mount/formats/tools.ts';
import {
  damageOnePack,
  expectSameBytes,
  folderOf,
  inodeOf,
  type Known,
  makeDisk,
  makeLargeDisk,
  partitionsOf,
  tables,
  writeAt,
} from './disks.ts';
import { deviceOf, findDrivers, Holder, inodes, type Mount, Mounts, mountedBelow, syscall, walk } from './mounts.ts';
import { images as sessionImages, size as sessionSize } from './session-images.ts';
import { Sessions } from './sessions.ts';

const drivers = await findDrivers('mount-drivers.test.ts');
const anyDriver = drivers.some(({ trouble }) => trouble === '');
warnOfMissing('mount-drivers.test.ts', noQemu, noVhdi);
const isRoot = process.getuid?.() === 0;
const patience = { timeout: 30_000 };

const bench = await openBench();
const mounts = new Mounts(bench);
const sessions = new Sessions(bench);
const repo = bench.path('repo');

const points: Known[] = [];

beforeAll(async () => {
  if (!anyDriver) return;
  await bench.document(['init', '--repo', repo, '--no-encryption']);
  await makeDisk(bench.path('mbr-1'), 24, tables.mbr);
  await makeDisk(bench.path('gpt-1'), 20, tables.gpt);
  await makeLargeDisk(bench.path('large-1'));
  await backUp('web', 'sda', bench.path('mbr-1'));
  await cp(bench.path('mbr-1'), bench.path('mbr-2'));
  await writeAt(bench.path('mbr-2'), 5 * mib + 12_345, randomBytes(700_000));
  await backUp('web', 'sda', bench.path('mbr-2'));
  await backUp('web', 'sdb', bench.path('gpt-1'));
  await backUp('db', 'vda', bench.path('large-1'));
}, 120_000);

async function backUp(machine: string, disk: string, source: string, to = repo): Promise<Known> {
  const words = ['backup', source, '--machine', machine, '--disk', disk, '--repo', to];
  const { point } = (await bench.events(words)).at(-1);
  const all: Json[] = await bench.document(['points', '--repo', to]);
  const { id, time, size, kind, parent } = all.find((one) => one.id === point);
  const known = { id, machine, disk, time, size, kind, parent, source, partitions: await partitionsOf(source) };
  if (to === repo) points.push(known);
  return known;
}

function known(machine: string, disk: string, which = -1): Known {
  const found = points.filter((point) => point.machine === machine && point.disk === disk).at(which);
  if (found === undefined) throw new Error(`there is no point of ${machine}/${disk}`);
  return found;
}

const formatFiles = ['disk.qcow2', 'disk.raw', 'disk.vhd', 'disk.vhdx', 'disk.vmdk'];
/** Only of an incremental: what changed, over the VHDX of its parent. */
const differenceFile = 'disk.avhdx';

/** All paths that the mount must show. */
function expectedPaths(): string[] {
  const paths = new Set<string>();
  for (const point of points) {
    const folder = folderOf(point);
    for (const path of [point.machine, join(point.machine, point.disk), folder]) paths.add(path);
    paths.add(join(point.machine, point.disk, 'latest'));
    for (const name of [...formatFiles, 'partitions', 'point.json']) paths.add(join(folder, name));
    for (const { number } of point.partitions) paths.add(join(folder, 'partitions', `${number}.raw`));
    if (point.parent !== null) paths.add(join(folder, differenceFile));
  }
  return [...paths].sort();
}

describe.each(drivers)('driver $driver', ({ driver, trouble }) => {
  /** Of the whole repository; it is only read. */
  let mount: Mount;

  beforeAll(async () => {
    if (trouble === '') mount = await mounts.start(driver, repo);
  });

  describe.skipIf(trouble)('shows', () => {
    test('the points of all disks, with nothing else', async () => {
      expect(await walk(mount.directory)).toEqual(expectedPaths());
    });

    test('folders, links and files that nobody may write', async () => {
      for (const path of ['', ...expectedPaths()]) {
        const found = await lstat(mount.path(path));
        const kind = found.isDirectory() ? 'folder' : found.isSymbolicLink() ? 'link' : 'file';
        const name = basename(path);
        const expected = name === 'latest' ? 'link' : /\./.test(name) ? 'file' : 'folder';
        expect([path, kind]).toEqual([path, expected]);
        expect([path, found.mode & 0o7777]).toEqual([path, { folder: 0o555, link: 0o777, file: 0o444 }[kind]]);
        expect([path, found.uid, found.gid, found.nlink]).toEqual([
          path,
          process.getuid?.(),
          process.getgid?.(),
          kind === 'folder' ? 2 : 1,
        ]);
      }
    });

    test('the times of the points', async () => {
      for (const point of points) {
        const seconds = Math.floor(Date.parse(point.time) / 1000);
        for (const name of ['', ...formatFiles, 'point.json', 'partitions']) {
          const { mtime, ctime, atime } = await stat(mount.path(folderOf(point), name));
          for (const time of [mtime, ctime, atime]) expect(time.getTime() / 1000).toBe(seconds);
        }
      }
    });

    test('sizes, also over 4 GiB', async () => {
      expect(known('db', 'vda').size).toBe(5 * 1024 ** 3 + 512);
      for (const point of points) {
        const raw = await stat(mount.path(folderOf(point), 'disk.raw'));
        expect([raw.size, raw.blocks]).toEqual([point.size, Math.ceil(point.size / 512)]);
        for (const { number, size } of point.partitions) {
          expect((await stat(mount.path(folderOf(point), 'partitions', `${number}.raw`))).size).toBe(size);
        }
        for (const name of formatFiles) {
          expect([name, (await stat(mount.path(folderOf(point), name))).size]).not.toEqual([name, 0]);
        }
      }
    });

    test('the newest point of each disk as latest', async () => {
      for (const point of [known('web', 'sda'), known('web', 'sdb'), known('db', 'vda')]) {
        const latest = mount.path(point.machine, point.disk, 'latest');
        expect(await readlink(latest)).toBe(basename(folderOf(point)));
        expect(JSON.parse(await readFile(join(latest, 'point.json'), 'utf8')).id).toBe(point.id);
      }
    });

    test('in point.json what the point is', async () => {
      for (const { id, machine, disk, time, size, kind, parent, source, ...point } of points) {
        const folder = folderOf({ id, machine, disk, time, size, kind, parent, source, ...point });
        const found = JSON.parse(await readFile(mount.path(folder, 'point.json'), 'utf8'));
        expect(found).toMatchObject({ id, machine, disk, time, size, kind, parent, blockSize: 262144 });
      }
    });

    test('the partitions of MBR and GPT disks', async () => {
      const counts = points.map(({ partitions }) => partitions.length);
      expect(counts).toEqual([5, 5, 2, 0]);
      for (const point of points) {
        for (const { number, offset } of point.partitions) {
          await expectSameBytes(mount.path(folderOf(point), 'partitions', `${number}.raw`), point.source, offset);
        }
      }
    });

    test('extended attributes, and takes none', async () => {
      for (const point of points) {
        for (const name of ['', 'disk.raw', 'point.json', 'partitions']) {
          const { id, kind, parent } = point;
          expect(await syscall('attributes', mount.path(folderOf(point), name))).toEqual({
            values: {
              'user.strata.id': id,
              'user.strata.kind': kind,
              ...(parent === null ? {} : { 'user.strata.parent': parent }),
            },
            unknown: 'ENODATA',
            noRoom: 'ERANGE',
            length: 24,
            noRoomForNames: 'ERANGE',
            set: 'EROFS',
            remove: 'EROFS',
          });
        }
      }
    });

    test('a file system of its own', async () => {
      const found = await statfs(mount.directory);
      expect(found).toMatchObject({ bsize: 4096, blocks: 0, bfree: 0, bavail: 0, files: expectedPaths().length + 1 });
      const { stdout } = await run('findmnt', ['--noheadings', '--output', 'SOURCE,FSTYPE,OPTIONS', mount.directory]);
      expect(stdout).toMatch(new RegExp(`^strata:${repo} +fuse\\.strata +ro,nosuid,nodev,.*default_permissions`));
    });

    test('inode numbers that tell by the path alone, in folders too', async () => {
      const found = await inodes(mount.directory);
      expect(new Set(found.values()).size).toBe(found.size);
      for (const [path, inode] of found) {
        // fuse-native passes on the lower half only.
        expect([path, inode]).toEqual([path, driver === 'fuse' ? inodeOf(path) : BigInt.asUintN(32, inodeOf(path))]);
      }
      const again = await mounts.start(driver, repo);
      expect(await inodes(again.directory)).toEqual(found);
      for (const folder of [
        '',
        'web',
        folderOf(known('web', 'sda')),
        join(folderOf(known('web', 'sda')), 'partitions'),
      ]) {
        const listed: Record<string, [string, string]> = await syscall('folder', again.path(folder));
        for (const [name, [inode, kind]] of Object.entries(listed)) {
          const entry = await lstat(again.path(folder, name));
          expect([name, BigInt(inode)]).toEqual([name, found.get(join(folder, name))]);
          expect(kind).toBe(entry.isDirectory() ? 'folder' : entry.isSymbolicLink() ? 'link' : 'file');
        }
      }
      await again.end();
    });

    test('no more than there is', async () => {
      const folder = folderOf(known('web', 'sda'));
      for (const path of ['none', 'web/none', join(folder, 'none'), join(folder, 'partitions', '9.raw')])
        await expect(lstat(mount.path(path))).rejects.toMatchObject({ code: 'ENOENT' });
      await expect(readdir(mount.path(folder, 'disk.raw'))).rejects.toMatchObject({ code: 'ENOTDIR' });
      await expect(readlink(mount.path(folder, 'disk.raw'))).rejects.toMatchObject({ code: 'EINVAL' });
      await expect(readFile(mount.path(folder))).rejects.toMatchObject({ code: 'EISDIR' });
    });

    test('nothing that could be changed', async () => {
      const folder = mount.path(folderOf(known('web', 'sda')));
      const raw = join(folder, 'disk.raw');
      const attempts: Record<string, () => Promise<unknown>> = {
        open: () => open(raw, 'r+'),
        append: () => open(raw, 'a'),
        create: () => writeFile(join(folder, 'new'), ''),
        truncate: () => truncate(raw, 0),
        mkdir: () => mkdir(join(folder, 'new')),
        unlink: () => unlink(raw),
        rmdir: () => rmdir(join(folder, 'partitions')),
        rename: () => rename(raw, join(folder, 'new')),
        link: () => link(raw, join(folder, 'new')),
        symlink: () => symlink('x', join(folder, 'new')),
        chmod: () => chmod(raw, 0o666),
        utimes: () => utimes(raw, 0, 0),
      };
      for (const [name, attempt] of Object.entries(attempts)) {
        expect([name, await attempt().then(String, ({ code }) => code)]).toEqual([name, 'EROFS']);
      }
    });

    test.skipIf(!isRoot)('nothing to other users', async () => {
      expect(await syscall('as', 65534, mount.directory)).toBe('EACCES');
      const shared = await mounts.start(driver, repo, ['--allow-other']);
      // Its folder must be one that others may go into.
      await chmod(bench.folder, 0o711);
      expect(await syscall('as', 65534, shared.directory)).toEqual(['db', 'web']);
      await shared.end();
    });
  });

  describe.skipIf(trouble)('reads', () => {
    test('each disk as it was', async () => {
      for (const point of points.filter(({ machine }) => machine === 'web')) {
        await expectSameBytes(mount.path(folderOf(point), 'disk.raw'), point.source);
      }
    });

    test.skipIf(noQemu)('each disk in all formats as qemu reads it', async () => {
      for (const point of [known('web', 'sda', 0), known('web', 'sda'), known('web', 'sdb')]) {
        for (const [name, format] of Object.entries({ vhd: 'vpc', vhdx: 'vhdx', vmdk: 'vmdk', qcow2: 'qcow2' })) {
          await qemuCompare(format, mount.path(folderOf(point), `disk.${name}`), point.source);
        }
      }
    });

    test.skipIf(noVhdi)('an incremental as a differencing VHDX over its parent’s', async () => {
      const [parent, child] = [known('web', 'sda', 0), known('web', 'sda')];
      const chain = [mount.path(folderOf(child), differenceFile), mount.path(folderOf(parent), 'disk.vhdx')];
      const head = (await readFile(chain[0] ?? '')).subarray(0, 4 * mib);
      expect(head.includes(Buffer.from(`..\\${basename(folderOf(parent))}\\disk.vhdx`, 'utf16le'))).toBe(true);
      await vhdiCompare(child.source, ...chain);
      expect((await stat(chain[0] ?? '')).size).toBeLessThan((await stat(chain[1] ?? '')).size);
    });

    test('any bytes, for many processes at once', async () => {
      const { source } = known('web', 'sda');
      const raw = mount.path(folderOf(known('web', 'sda')), 'disk.raw');
      const large = known('db', 'vda');
      await Promise.all([
        ...[1, 2, 3].map((seed) => syscall('random', source, raw, seed, 150)),
        syscall('random', large.source, mount.path(folderOf(large), 'disk.raw'), 4, 150),
      ]);
    });

    test('beyond 4 GiB', async () => {
      const { source, size, ...point } = known('db', 'vda');
      const raw = await open(mount.path(folderOf({ source, size, ...point }), 'disk.raw'));
      const original = await open(source);
      for (const offset of [4 * 1024 ** 3 - 200_000, 4 * 1024 ** 3, 4 * 1024 ** 3 + 500_000, size - 512, size - 100]) {
        const [one, other] = [Buffer.alloc(400_000), Buffer.alloc(400_000)];
        expect((await raw.read(one, 0, one.length, offset)).bytesRead).toBe(Math.min(one.length, size - offset));
        await original.read(other, 0, other.length, offset);
        expect(one.equals(other)).toBe(true);
      }
      expect((await raw.read(Buffer.alloc(10), 0, 10, size)).bytesRead).toBe(0);
      await Promise.all([raw.close(), original.close()]);
    });

    test('past the page cache', async () => {
      for (const point of [known('web', 'sda'), known('db', 'vda')]) {
        await syscall('direct', point.source, mount.path(folderOf(point), 'disk.raw'), 5, 150);
      }
    });

    test('by mapping files into memory', async () => {
      for (const point of [known('web', 'sda'), known('db', 'vda')]) {
        await syscall('mapped', point.source, mount.path(folderOf(point), 'disk.raw'), 6, 150);
      }
    });

    test('text by any piece', async () => {
      const path = mount.path(folderOf(known('web', 'sda')), 'point.json');
      const whole = await readFile(path);
      const file = await open(path);
      for (const [from, length] of [
        [0, 1],
        [7, 100],
        [whole.length - 3, 100],
      ] as const) {
        const { bytesRead, buffer } = await file.read(Buffer.alloc(length), 0, length, from);
        expect(buffer.subarray(0, bytesRead)).toEqual(whole.subarray(from, from + length));
      }
      await file.close();
    });

    const noSeek = driver === 'fuse-native' ? 'fuse-native knows no lseek: all is data' : '';
    if (noSeek) console.warn(`mount-drivers.test.ts: a test of holes is skipped: ${noSeek}`);
    test.skipIf(noSeek)('where the data are, and where holes', async () => {
      const { source, size, ...point } = known('db', 'vda');
      const runs: [number, number][] = await syscall(
        'runs',
        mount.path(folderOf({ source, size, ...point }), 'disk.raw'),
      );
      expect(runs.length).toBeGreaterThanOrEqual(3);
      const data: [number, number][] = await syscall('runs', source);
      for (const [start, end] of data) {
        expect(runs.some(([from, to]) => from <= start && end <= to)).toBe(true);
      }
      expect(runs.reduce((sum, [start, end]) => sum + end - start, 0)).toBeLessThan(8 * mib);
      expect(runs.at(-1)?.[1]).toBe(size);
    });

    test('what many ask for at once', async () => {
      const fresh = await mounts.start(driver, repo);
      const folder = folderOf(known('web', 'sda', 0));
      const asked = [1, 2, 3, 4].flatMap(() => [
        syscall('folder', fresh.path(folder, 'partitions')),
        ...formatFiles.map((name) => syscall('read', fresh.path(folder, name), 0, 100)),
      ]);
      for (const found of await Promise.all(asked))
        expect(found).toEqual(typeof found === 'number' ? 100 : expect.anything());
      expect(await fresh.end()).toMatchObject({ event: 'result', errors: 0 });
    });
  });

  describe.skipIf(trouble)('while it is mounted', () => {
    test('a point that is made appears, and one that is forgotten vanishes, but not for who reads it', async () => {
      const changing = bench.path(`changing-${driver}`);
      await cp(repo, changing, { recursive: true });
      const mount = await mounts.start(driver, changing);
      const disk = mount.path('web', 'sda');
      const before = await readdir(disk);
      const made = await backUp('web', 'sda', bench.path('mbr-1'), changing);
      const name = basename(folderOf(made));
      await expect.poll(() => readdir(disk), patience).toContain(name);
      await expect.poll(() => readlink(join(disk, 'latest')), patience).toBe(name);
      await expectSameBytes(join(disk, name, 'disk.raw'), made.source);
      // A new machine, too.
      const other = await backUp('new', 'sda', bench.path('mbr-2'), changing);
      await expect.poll(() => readdir(mount.directory), patience).toEqual(['db', 'new', 'web']);
      await expectSameBytes(mount.path(folderOf(other), 'disk.raw'), other.source);

      const holder = await Holder.open(join(disk, name, 'disk.raw'));
      await bench.strata(['forget', made.id, '--repo', changing]);
      await expect.poll(() => readdir(disk), patience).toEqual(before);
      await expect.poll(() => lstat(join(disk, name)).catch(({ code }) => code), patience).toBe('ENOENT');
      expect(await readlink(join(disk, 'latest'))).toBe(basename(folderOf(known('web', 'sda'))));
      const content = await readFile(made.source);
      expect(await holder.read(7 * mib, 50)).toBe(content.subarray(7 * mib, 7 * mib + 50).toString('hex'));
      expect(await holder.read(made.size - 10, 50)).toBe(content.subarray(-10).toString('hex'));
      await holder.close();
      await mount.end();
    });

    test('who has a file of a forgotten point open is told of it as before', async () => {
      const changing = bench.path(`forgotten-${driver}`);
      await cp(repo, changing, { recursive: true });
      const mount = await mounts.start(driver, changing);
      const { id, size, ...point } = known('web', 'sdb');
      const folder = mount.path(folderOf({ id, size, ...point }));
      const holder = await Holder.open(join(folder, 'disk.raw'));
      await bench.strata(['forget', id, '--repo', changing]);
      await expect.poll(() => lstat(folder).catch(({ code }) => code), patience).toBe('ENOENT');
      expect(await holder.size()).toBe(String(size));
      await holder.close();
      await mount.end();
    });

    test('damage is an error for those who read it, and for nobody else', async () => {
      const damaged = bench.path(`damaged-${driver}`);
      const source = bench.path(`damaged-disk-${driver}`);
      await bench.document(['init', '--repo', damaged, '--no-encryption']);
      await writeFile(source, randomBytes(16 * mib));
      const point = await backUp('m', 'd', source, damaged);
      const whole = await backUp('m', 'whole', bench.path('mbr-2'), damaged);
      await damageOnePack(damaged, point);
      const verified = (await bench.events(['verify', point.id, '--repo', damaged], { code: 13 })).at(-1);
      const [{ offset, length }] = verified.points[0].damage;
      expect(length).toBe(262144);
      const mount = await mounts.start(driver, damaged);
      const raw = mount.path(folderOf(point), 'disk.raw');
      for (const [how, step] of [
        ['direct', 65536],
        ['sequential', 4096],
        ['random', 4096],
        ['sequential', 65536],
      ] as const) {
        const failed = Array.from({ length: length / step }, (_, n) => offset + n * step);
        expect([how, await syscall('failures', raw, source, step, how)]).toEqual([how, failed]);
      }
      // A read across its beginning ends there.
      expect(await syscall('read', raw, offset - 300_000, 600_000)).toBe(300_000);
      expect(await syscall('read', raw, offset, 1)).toBe('EIO');
      await expectSameBytes(mount.path(folderOf(whole), 'disk.raw'), whole.source);
      const event = await mount.server.event(({ event: name }) => name === 'damaged');
      expect(event).toMatchObject({ point: point.id, file: 'disk.raw', code: 'FRAME_DAMAGED' });
      expect((await mount.end(3)).errors).toBeGreaterThan(0);
    });

    test('an image that cannot be made is an error for who opens it', async () => {
      const broken = bench.path(`broken-${driver}`);
      await cp(repo, broken, { recursive: true });
      const [first, second, other] = [known('web', 'sda', 0), known('web', 'sda'), known('web', 'sdb')];
      await rm(join(broken, 'maps', `${first.id}.loc`));
      const mount = await mounts.start(driver, broken);
      for (const point of [first, second, first]) {
        expect(
          await syscall('read', mount.path(folderOf(point), 'disk.raw'), 0, 10).catch(({ stderr }) => stderr),
        ).toMatch(/EIO|Errno 5/);
        await expect(readdir(mount.path(folderOf(point), 'partitions'))).rejects.toMatchObject({ code: 'EIO' });
      }
      await expectSameBytes(mount.path(folderOf(other), 'disk.raw'), other.source);
      const event = await mount.server.event(({ event: name }) => name === 'damaged');
      expect(event).toMatchObject({ point: first.id, code: 'MAP_MISSING' });
      await mount.end(3);
    });
  });

  describe.skipIf(trouble)('ends', () => {
    const raw = (mount: Mount) => mount.path(folderOf(known('web', 'sda')), 'disk.raw');

    test('by umount, and says what was read', async () => {
      const directory = await mounts.folder();
      const mounted = await bench.document(['mount', directory, '--driver', driver, '--repo', repo]);
      expect(mounted).toMatchObject({ directory });
      const list = async () => (await bench.document(['mounts'])).find(({ id }: Json) => id === mounted.id);
      const listed = await list();
      expect(listed).toMatchObject({ id: mounted.id, kind: 'mount', state: 'ready', directories: [directory] });
      await expectSameBytes(join(directory, folderOf(known('web', 'sdb')), 'disk.raw'), known('web', 'sdb').source);
      await bench.document(['umount', directory]);
      expect(await mountedBelow(directory)).toEqual([]);
      // Nobody may have asked yet how it ended.
      expect(await readFile(`/proc/${listed.pid}/cmdline`, 'utf8').catch(() => '')).toBe('');
      expect(await list()).toBe(undefined);
    });

    test('by anybody’s umount', async () => {
      const mount = await mounts.start(driver, repo);
      await syscall('read', raw(mount), mib, 1000);
      await run('umount', [mount.directory]);
      const { code, stdout } = await mount.server.outcome;
      expect(code).toBe(0);
      const result = parseLines(stdout).at(-1);
      expect(result).toMatchObject({ event: 'result', directory: mount.directory, errors: 0 });
      expect(result.reads).toBeGreaterThan(0);
      expect(result.bytes).toBeGreaterThanOrEqual(1000);
    });

    test('not while somebody uses it, who is named, unless it is forced', async () => {
      const mount = await mounts.start(driver, repo);
      const holder = await Holder.open(raw(mount));
      const refused = await bench.strata(['umount', mount.directory]);
      expect(refused.code).toBe(1);
      expect(refused.stderr).toContain(`(${holder.pid}) has ${raw(mount)} open`);
      const content = await readFile(known('web', 'sda').source);
      expect(await holder.read(2 * mib, 20)).toBe(content.subarray(2 * mib, 2 * mib + 20).toString('hex'));
      await bench.document(['umount', mount.directory, '--force']);
      expect(await mountedBelow(mount.directory)).toEqual([]);
      expect(await readdir(mount.directory)).toEqual([]);
      expect(await holder.read(14 * mib, 20)).toMatch(/^E/);
      await holder.close();
      await mount.server.outcome;
    });

    test('with the last who uses it, when it is taken away lazily', async () => {
      const mount = await mounts.start(driver, repo);
      const holder = await Holder.open(raw(mount));
      await run('umount', ['--lazy', mount.directory]);
      expect(await readdir(mount.directory)).toEqual([]);
      const content = await readFile(known('web', 'sda').source);
      expect(await holder.read(14 * mib, 20)).toBe(content.subarray(14 * mib, 14 * mib + 20).toString('hex'));
      await holder.close();
      expect(await mount.server.outcome).toMatchObject({ code: 0 });
    });

    test.each(['SIGTERM', 'SIGINT'] as const)('by %s of its server', async (signal) => {
      const mount = await mounts.start(driver, repo);
      await syscall('read', raw(mount), 0, 10);
      mount.server.kill(signal);
      expect(await mount.server.outcome).toMatchObject({ code: 0 });
      expect(await mountedBelow(mount.directory)).toEqual([]);
    });

    test('by SIGTERM of its server, whoever uses it', async () => {
      const mount = await mounts.start(driver, repo);
      const holder = await Holder.open(raw(mount));
      await holder.read(0, 10);
      mount.server.kill('SIGTERM');
      const { code, stdout, stderr } = await mount.server.outcome;
      expect(code).toBe(3);
      // Libfuse has nothing to say.
      expect(stderr).toMatch(/^strata: warning: unmounted while it was in use: .*\n$/);
      expect(parseLines(stdout)).toContainEqual(
        expect.objectContaining({ code: 'MOUNT_IN_USE', message: expect.stringContaining(`(${holder.pid})`) }),
      );
      expect(await mountedBelow(mount.directory)).toEqual([]);
      expect(await holder.read(14 * mib, 10)).toMatch(/^E/);
      await holder.close();
    });

    test('by SIGTERM of its server, but not what was mounted in its place meanwhile', async () => {
      const mount = await mounts.start(driver, repo);
      const holder = await Holder.open(raw(mount));
      await run('umount', ['--lazy', mount.directory]);
      const other = await mounts.start(driver, repo, [], mount.directory);
      mount.server.kill('SIGTERM');
      await holder.close();
      expect((await mount.server.outcome).code).toBe(0);
      await expectSameBytes(raw(other), known('web', 'sda').source);
      await other.end();
    });

    test('by kill -9 of its server, and leaves a mount that umount -l clears', async () => {
      const mount = await mounts.start(driver, repo);
      const holder = await Holder.open(raw(mount));
      mount.server.kill('SIGKILL');
      await mount.server.outcome;
      await expect(stat(mount.directory)).rejects.toMatchObject({ code: 'ENOTCONN' });
      expect(await holder.read(14 * mib, 10)).toMatch(/^E/);
      await holder.close();
      await run('umount', ['--lazy', mount.directory]);
      expect(await mountedBelow(mount.directory)).toEqual([]);
      const again = await mounts.start(driver, repo, [], mount.directory);
      await syscall('read', raw(again), 0, 10);
      await again.end();
    });

    test('by kill -9 of its server, and the next clears what it left', async () => {
      const odd = bench.path(`repo of ${driver}, \\ 'odd'`);
      await cp(repo, odd, { recursive: true });
      const mount = await mounts.start(driver, odd);
      mount.server.kill('SIGKILL');
      await mount.server.outcome;
      const again = await mounts.start(driver, repo, [], mount.directory);
      await syscall('read', raw(again), 0, 10);
      await again.end();
      expect(await mountedBelow(mount.directory)).toEqual([]);
    });

    test('when its connection is cut', async ({ skip }) => {
      const mount = await mounts.start(driver, repo);
      const [, minor] = (await deviceOf(mount.directory)).split(':');
      const abort = `/sys/fs/fuse/connections/${minor}/abort`;
      if (
        !(await access(abort).then(
          () => true,
          () => false,
        ))
      )
        skip(`${abort} is not there`);
      await writeFile(abort, '1');
      await mount.server.outcome;
      expect(await mountedBelow(mount.directory)).toEqual([]);
    });

    test('in a folder of any name', async () => {
      const directory = await mounts.folder(`${driver} "odd", $(exit) 'näme'\\ %20`);
      const mount = await mounts.start(driver, repo, [], directory);
      await expectSameBytes(mount.path(folderOf(known('web', 'sdb')), 'disk.raw'), known('web', 'sdb').source);
      await bench.document(['umount', directory]);
      expect(await mount.server.outcome).toMatchObject({ code: 0 });
      expect(await mountedBelow(directory)).toEqual([]);
    });
  });

  describe.skipIf(trouble)('as a session', () => {
    test('takes writes where they are allowed', async () => {
      const session = await sessions.start(driver);
      const overlay = session.path('overlay.raw');
      expect((await stat(overlay)).mode & 0o777).toBe(0o600);
      expect(await syscall('write', overlay, 5000, 'written')).toBe(7);
      expect(await syscall('write', overlay, sessionSize - 4, 'end')).toBe(3);
      await session.forgetCache(overlay);
      const content = await readFile(overlay);
      expect(content.length).toBe(sessionSize);
      expect(content.subarray(5000, 5007).toString()).toBe('written');
      expect(content.subarray(-4).toString()).toBe('end\0');
      expect(content.subarray(0, 5000).every((byte) => byte === 0)).toBe(true);
      // A disk does not grow.
      expect(await syscall('write', overlay, sessionSize, 'x')).toBe('ENOSPC');
      expect(await syscall('write', overlay, sessionSize - 1, 'xy')).toBe('ENOSPC');
      expect((await stat(overlay)).size).toBe(sessionSize);
      for (const name of ['fixed.raw', 'text']) {
        const code = await open(session.path(name), 'r+').then(String, (error) => error.code);
        expect([name, code]).toEqual([name, isRoot ? 'EROFS' : 'EACCES']);
      }
      await session.stop();
    });

    test('asks once for what many want, and again for what was refused', async () => {
      const session = await sessions.start(driver);
      const readers = [1, 2, 3].map(() => syscall('read', session.path('late.raw'), 100, 10));
      await expect.poll(async () => (await session.counters()).waiting, patience).toBe(3);
      session.say('provide');
      expect(await Promise.all(readers)).toEqual([10, 10, 10]);
      expect(session.asked(sessionImages.late)).toBe(1);
      for (const times of [1, 2]) {
        await expect(open(session.path('refused.raw'))).rejects.toMatchObject({ code: 'EACCES' });
        await expect.poll(() => session.asked(sessionImages.refused), patience).toBeGreaterThanOrEqual(times);
      }
      expect(await readdir(session.path('folder'))).toEqual(['inside']);
      await expect.poll(() => session.asked(sessionImages.folder), patience).toBe(1);
      await session.stop();
    });

    test('counts', async () => {
      const session = await sessions.start(driver);
      const holder = await Holder.open(session.path('fixed.raw'));
      expect(await holder.read(0, 4)).toBe('00000000');
      const counters = await session.counters();
      expect(counters).toMatchObject({ errors: 0, handles: 1, images: 1, waiting: 0 });
      expect(counters.reads).toBeGreaterThan(0);
      expect(counters.bytes).toBeGreaterThanOrEqual(4);
      await holder.close();
      await expect.poll(async () => (await session.counters()).handles, patience).toBe(0);
      await session.stop();
    });

    test('stops, whoever reads or waits', async () => {
      const session = await sessions.start(driver);
      const holder = await Holder.open(session.path('fixed.raw'));
      const waiter = syscall('read', session.path('late.raw'), 0, 10).catch(({ stderr }) => stderr);
      await expect.poll(async () => (await session.counters()).waiting, patience).toBe(1);
      await session.stop();
      expect(await waiter).toMatch(/E[A-Z]+|Errno/);
      expect(await holder.read(4 * mib, 4)).toMatch(/^E/);
      await holder.close();
    });
  });
});
