/** Copies of devices that are written to meanwhile, and the trace of the writes that they go by. */
import { execFileSync } from 'node:child_process';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Extents } from '../../../../src/backup/allocation/allocation.ts';
import { type BackupRequest, backup } from '../../../../src/backup/backup.ts';
import { untilEqual } from '../../../../src/backup/snapshots/converge.ts';
import { parseEvent, WriteTrace } from '../../../../src/backup/snapshots/write-trace.ts';
import type { StrataEvent } from '../../../../src/repository/events.ts';
import { restore } from '../../../../src/restore/restore.ts';
import { attach, hasLoop, mountNew } from '../../loop.ts';
import { quiet, scratchFolder, scratchMemory, scratchRepository } from '../../scratch.ts';
import { expectOneInstant, hammer, rest } from './hammer.ts';
import { hammerBlock } from './hammer-places.ts';

const mib = 1024 ** 2;
const blocks = 1024;

it.each([
  ['            node-1234    [001] ..... 12.345678: block_bio_queue: 254,1 WS 33112 + 800 [node]', false, 33112, 800],
  ['     jbd2/vda-8-99      [000] d..1. 1.000001: block_bio_queue: 254,1 FWFS 8 + 8 [jbd2/vda-8]', false, 8, 8],
  ['          <idle>-0       [001] d.h2. 12.3: block_rq_complete: 254,1 D () 16 + 24 none,0,0 [0]', false, 16, 24],
  ['          <idle>-0       [001] d.h.. 12.3: block_rq_complete: 254,1 N () 16 + 24 [0]', false, 16, 24],
  ['            node-1234    [001] ..... 12.3: block_bio_queue: 254,1 RA 0 + 8 [node]', true, 0, 8],
])('the line %j is an event', (line, isRead, sector, sectors) => {
  expect(parseEvent(line)).toMatchObject({ device: '254,1'.replace(',', ':'), isRead, sector, sectors });
});

it('what is no event is not taken for one', () => {
  for (const line of ['CPU:0 [LOST 12 EVENTS]', '', 'node-1 [000] ..... 1.0: block_bio_queue: 254,1 W'])
    expect(parseEvent(line)).toBe(null);
});

describe('copying until nothing changes', () => {
  /** Changes as they are found after each pass; the last goes on for ever. */
  async function passesOf(changes: readonly (Extents | null)[], seconds = 1) {
    const passes: (readonly [Extents, boolean])[] = [];
    let time = 0;
    const given = await untilEqual({
      size: mib,
      copy: async (extents, again) => {
        passes.push([extents, again]);
        time += seconds;
      },
      changed: async () => changes[Math.min(passes.length, changes.length) - 1] ?? null,
      now: () => time,
    });
    return { given, passes };
  }

  it('copies what changed, in whole blocks, and all where nobody can tell', async () => {
    const { given, passes } = await passesOf([[[5000, 100]], null, [[mib - 1, 1]], []]);
    expect(given).toBe(null);
    const whole = [[0, mib]];
    expect(passes).toEqual([
      [whole, false],
      [[[4096, 4096]], true],
      [whole, true],
      [[[mib - 4096, 4096]], true],
    ]);
    expect((await passesOf([[[2 * mib, 4096]]])).passes).toHaveLength(1);
  });

  // 001-12
  it('gives up when it does not get less, after many passes, or a long time', async () => {
    const steady = await passesOf([[[0, 8192]]]);
    expect(steady.given).toBe('after 9 passes 8192 bytes were written while the last one was copied');
    const less = Array.from({ length: 60 }, (_, pass): Extents => [[0, (100 - pass) * 4096]]);
    expect((await passesOf(less)).given).toMatch(/^after 40 passes/);
    expect((await passesOf(less, 100)).given).toMatch(/^after 3 passes/);
  });
});

describe.skipIf(!hasLoop)('a trace of writes (needs root and loop devices)', () => {
  it('tells of all writes and discards, or that it cannot', async () => {
    const tracing = await mountTracing();
    const image = join(await scratchMemory(), 'disk');
    await writeFile(image, Buffer.alloc(16 * mib, 1));
    const device = attach(image);
    const trace = await WriteTrace.begin(join(tracing, 'instances', 'strata-test'), device, 64);
    try {
      expect(await trace.take()).toEqual([]);
      write(device, 3, 2);
      write(device, 100, 1);
      execFileSync('blkdiscard', ['--offset', `${mib}`, '--length', '65536', device]);
      expect(await trace.take()).toEqual([
        [3 * 4096, 2 * 4096],
        [100 * 4096, 4096],
        [mib, 65536],
      ]);
      execFileSync('dd', [`if=${device}`, 'of=/dev/null', 'bs=1M', 'iflag=direct'], { stdio: 'pipe' });
      expect(await trace.take()).toEqual([]);
      // More than the kernel keeps.
      write(device, 0, 4000);
      expect(await trace.take()).toBe(null);
      expect(await trace.take()).toEqual([]);
    } finally {
      await trace.end();
    }
    expect(await readdir(join(tracing, 'instances'))).not.toContain('strata-test');
  });

  // 001-13
  it('of a partition are its own, also those that go past it to the disk', async () => {
    const tracing = await mountTracing();
    const image = join(await scratchMemory(), 'disk');
    await writeFile(image, Buffer.alloc(8 * mib, 1));
    const disk = execFileSync('losetup', ['--find', '--partscan', '--show', image], { encoding: 'utf8' }).trim();
    onTestFinished(() => {
      execFileSync('losetup', ['--detach', disk]);
    });
    // Of 4 MiB, after one.
    execFileSync('addpart', [disk, '1', '2048', '8192']);
    const trace = await WriteTrace.begin(join(tracing, 'instances', 'strata-part'), `${disk}p1`);
    try {
      const read = () =>
        execFileSync('dd', [`if=${disk}p1`, 'of=/dev/null', 'bs=4k', 'skip=5', 'count=1', 'iflag=direct'], {
          stdio: 'pipe',
        });
      expect(await trace.shows(5 * 4096, async () => read())).toBe(true);
      expect(await trace.shows(6 * 4096, async () => read())).toBe(false);
      write(`${disk}p1`, 2, 1);
      write(disk, 256 + 8, 1);
      write(disk, 0, 1);
      expect(await trace.take()).toEqual([
        [2 * 4096, 4096],
        [8 * 4096, 4096],
      ]);
    } finally {
      await trace.end();
      execFileSync('delpart', [disk, '1']);
    }
  });
});

describe.skipIf(!hasLoop)('iterative copies (need root and loop devices)', () => {
  // 001-11, 001-13
  it('show the device as it was when nothing was written to it', async () => {
    await mountTracing();
    const [repo, { folder, device }] = [await scratchRepository(), await mountNew('ext4', 24)];
    const [file, copies] = [join(folder, 'file'), await scratchFolder()];
    await writeFile(file, Buffer.alloc(blocks * hammerBlock));
    const writer = await hammer(file, blocks, true);
    const events: StrataEvent[] = [];
    const running = backup(repo, order(repo.store.folder, device, copies), (event) => events.push(event), quiet());
    // It rests for a while, once the copying has begun.
    while ((await readdir(copies)).length === 0) await new Promise(setImmediate);
    writer.kill('SIGSTOP');
    const result = await running;
    writer.kill('SIGCONT');
    expect(result).toMatchObject({ snapshot: 'iterate', consistency: 'crash', warnings: [] });
    const restored = join(await scratchFolder(), 'disk');
    await restore(repo, { point: result.point ?? '', to: restored }, () => undefined, quiet());
    execFileSync('sh', ['-c', 'e2fsck -fy "$1"; [ $? -le 1 ]', 'sh', restored], { stdio: 'pipe' });
    const stdio = ['ignore', 'pipe', 'ignore'] as ('ignore' | 'pipe')[];
    const copy = execFileSync('debugfs', ['-R', 'cat file', restored], { stdio, maxBuffer: 64 * mib });
    await expect.poll(async () => expectOneInstant(copy, file).then(() => true)).toBe(true);
    await rest(writer);
    expect(await readdir(copies)).toEqual([]);
  });

  it('are not made where they cannot be', async () => {
    const [repo, { folder, device }] = [await scratchRepository(), await mountNew('ext4', 24)];
    const refusal = (reason: string) => ({
      code: 'SNAPSHOT_IMPOSSIBLE',
      params: { reason: expect.stringContaining(reason) },
    });
    const named = { ...order(repo.store.folder, device, folder), snapshot: 'iterate' };
    await mountTracing();
    await expect(backup(repo, named, () => undefined, quiet())).rejects.toMatchObject(refusal('lies on it'));
    const nowhere = { ...named, snapshotFolder: undefined };
    await expect(backup(repo, nowhere, () => undefined, quiet())).rejects.toMatchObject(refusal('--snapshot-folder'));
  });
});

function order(beside: string | null, source: string, snapshotFolder: string): BackupRequest {
  const places = { cacheFolder: `${beside}.cache`, snapshotRecords: `${beside}.snapshots`, snapshotFolder };
  return { source, machine: 'm', disk: 'd', allocation: 'off', ...places };
}

/** Has the kernel's tracing at hand for the running test. */
async function mountTracing(): Promise<string> {
  const folder = join(await scratchFolder(), 'tracing');
  await mkdir(folder);
  execFileSync('mount', ['-t', 'tracefs', 'tracefs', folder]);
  onTestFinished(() => {
    execFileSync('umount', ['--lazy', folder]);
  });
  return folder;
}

/** Writes blocks of 4 KiB, past the machine's cache. */
function write(device: string, seek: number, count: number): void {
  const words = ['if=/dev/urandom', `of=${device}`, 'bs=4k', `seek=${seek}`, `count=${count}`, 'oflag=direct'];
  execFileSync('dd', [...words, 'conv=notrunc'], { stdio: 'pipe' });
}
