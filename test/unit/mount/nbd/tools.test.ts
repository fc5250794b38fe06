/** The clients of others get from the server what is on the disk, and bring to it what they write. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { scratchFolder } from '../../scratch.ts';
import { image, MemoryTarget } from './memory-target.ts';
import { serve } from './serving.ts';
import { noNbdcopy, noNbdinfo, noQemu, noQemuIo } from './tools.ts';

const execute = promisify(execFile);
const MiB = 2 ** 20;

/** Data, holes of all kinds, and a size that is no multiple of anything. */
const shape = `rrr${'.'.repeat(40)}r.r.r.${'r'.repeat(600)}${'.'.repeat(5000)}${'r'.repeat(100)}`;
const disk = (readOnly = true) => new MemoryTarget(image(shape, 1536), { readOnly });

async function rawFile(bytes: Buffer): Promise<string> {
  const path = join(await scratchFolder(), 'raw');
  await writeFile(path, bytes);
  return path;
}

async function run(program: string, ...options: string[]): Promise<string> {
  const { stdout } = await execute(program, options, { maxBuffer: 64 * MiB });
  return stdout;
}

/** A command of qemu-io; it says what failed, and ends well nevertheless. */
const qemuIo = (uri: string, ...commands: string[]) =>
  run('qemu-io', '-f', 'raw', ...commands.flatMap((command) => ['-c', command]), uri);

describe.skipIf(noQemu)('qemu-img', () => {
  it('sees the size, and compares equal', async () => {
    const target = disk();
    const { uri } = await serve(target);
    const info = JSON.parse(await run('qemu-img', 'info', '--output=json', uri)) as Record<string, unknown>;
    expect(info).toMatchObject({ format: 'raw', 'virtual-size': target.size });
    await run('qemu-img', 'compare', '-f', 'raw', '-F', 'raw', uri, await rawFile(target.bytes));
  });

  it('copies everything, many requests at once', async () => {
    const target = disk();
    target.turns = () => 2;
    const { uri } = await serve(target);
    const copy = join(await scratchFolder(), 'copy');
    await run('qemu-img', 'convert', '-m', '16', '-W', '-f', 'raw', '-O', 'raw', uri, copy);
    expect((await readFile(copy)).equals(target.bytes)).toBe(true);
  });

  it('sees the holes', async () => {
    const { uri } = await serve(disk());
    const map = JSON.parse(await run('qemu-img', 'map', '--output=json', '-f', 'raw', uri)) as Record<
      string,
      unknown
    >[];
    const seen = map.map(({ start, length, zero }) => ({ start, length, zero }));
    expect(seen.slice(0, 4)).toEqual([
      { start: 0, length: 3 * 4096, zero: false },
      { start: 3 * 4096, length: 40 * 4096, zero: true },
      { start: 43 * 4096, length: 4096, zero: false },
      { start: 44 * 4096, length: 4096, zero: true },
    ]);
    expect(seen.at(-1)).toEqual({ start: 5649 * 4096, length: 100 * 4096 - 1536, zero: false });
  });

  it('writes a whole image to it', async () => {
    const target = new MemoryTarget(randomBytes(image(shape).length));
    const wanted = image(shape);
    const { uri } = await serve(target);
    await run('qemu-img', 'convert', '-n', '-f', 'raw', '-O', 'raw', await rawFile(wanted), uri);
    expect(target.bytes.equals(wanted)).toBe(true);
    expect(target.calls).toContain('flush 0 0');
  });

  it('is told when a range cannot be read', async () => {
    const target = disk();
    target.broken = { from: 3 * MiB, to: 3 * MiB + 512 };
    target.bytes.fill('x', 3 * MiB, 3 * MiB + 512);
    const { uri } = await serve(target);
    const copy = join(await scratchFolder(), 'copy');
    await expect(run('qemu-img', 'convert', '-f', 'raw', '-O', 'raw', uri, copy)).rejects.toThrow(
      /Input\/output error/,
    );
  });
});

describe.skipIf(noQemuIo)('qemu-io', () => {
  it('reads, writes, zeroes, discards and flushes', async () => {
    const target = disk(false);
    const wanted = Buffer.from(target.bytes);
    wanted.fill(0x5a, 10_240, 10_240 + 200_704);
    wanted.fill(0, 512_000, 512_000 + 65_536);
    wanted.fill(0, 614_400, 614_400 + 65_536);
    wanted.fill(0, 716_800, 716_800 + 65_536);
    wanted.fill(0x33, 1_000, 1_001);
    const { uri } = await serve(target);
    const said = await qemuIo(
      uri,
      'write -P 0x5a 10240 200704',
      'write -z 512000 65536',
      'write -z -u 614400 65536',
      'discard 716800 65536',
      'write -f -P 0x33 1000 1',
      'flush',
      'read -P 0x5a 10240 200704',
      'read -P 0 512000 65536',
      'read -P 0 614400 65536',
    );
    expect(said).not.toMatch(/fail|error|mismatch/i);
    expect(target.bytes.equals(wanted)).toBe(true);
    expect(target.calls).toEqual(
      expect.arrayContaining(['write 512000 65536', 'zero 614400 65536', 'zero 716800 65536']),
    );
  });

  it('is not let write to what is read-only', async () => {
    const target = disk();
    const { uri } = await serve(target);
    await expect(qemuIo(uri, 'write 0 4096')).rejects.toThrow(/denied/i);
    expect(await run('qemu-io', '-r', '-f', 'raw', '-c', 'read 0 4096', uri)).toMatch(/4 KiB/);
    expect(target.bytes.equals(disk().bytes)).toBe(true);
  });

  it('gets an error for exactly the range that is broken', async () => {
    const target = disk();
    target.broken = { from: 2000 * 512, to: 2001 * 512 };
    target.bytes.fill('x', 2000 * 512, 2001 * 512);
    const { uri } = await serve(target);
    const read = (sector: number, count: number) =>
      run('qemu-io', '-r', '-f', 'raw', '-c', `read ${sector * 512} ${count * 512}`, uri);
    expect(await read(1900, 100)).toMatch(/^read /);
    expect(await read(2001, 100)).toMatch(/^read /);
    const failed = { stdout: 'read failed: Input/output error\n' };
    await expect(read(2000, 1)).rejects.toMatchObject(failed);
    await expect(read(1999, 3)).rejects.toMatchObject(failed);
  });
});

describe.skipIf(noNbdinfo)('nbdinfo', () => {
  it('tells what the export is', async () => {
    const target = disk();
    const { uri } = await serve(target, { description: 'web1, sda' });
    expect(JSON.parse(await run('nbdinfo', '--json', '--list', uri))).toMatchObject({
      protocol: 'newstyle-fixed',
      TLS: false,
      structured: true,
      exports: [
        {
          'export-name': 'disk',
          description: 'web1, sda',
          'export-size': target.size,
          contexts: ['base:allocation'],
          is_read_only: true,
          can_df: true,
          can_multi_conn: true,
          can_flush: false,
          can_trim: false,
          can_zero: false,
          block_size_minimum: 1,
          block_size_preferred: 262_144,
          block_size_maximum: 32 * MiB,
        },
      ],
    });
  });

  it('tells what one may do with a writable one', async () => {
    const { uri } = await serve(disk(false));
    expect(JSON.parse(await run('nbdinfo', '--json', uri))).toMatchObject({
      exports: [
        {
          is_read_only: false,
          can_flush: true,
          can_fua: true,
          can_trim: true,
          can_zero: true,
          can_fast_zero: true,
          can_multi_conn: true,
          can_cache: false,
        },
      ],
    });
  });

  it('maps the holes', async () => {
    const { uri } = await serve(disk());
    const map = JSON.parse(await run('nbdinfo', '--map', '--json', uri)) as Record<string, unknown>[];
    expect(map).toHaveLength(11);
    expect(map[1]).toMatchObject({ offset: 3 * 4096, length: 40 * 4096, type: 3 });
    const [total] = (await run('nbdinfo', '--map', '--totals', uri)).trim().split(/\s+/);
    expect(Number(total)).toBe(706 * 4096 - 1536);
  });
});

describe.skipIf(noNbdcopy)('nbdcopy', () => {
  it.each([
    ['over several connections', ['--threads=4', '--connections=4', '--requests=16'], 4],
    ['over one, one request at a time', ['--synchronous'], 1],
    ['in requests of 32 MiB', ['--request-size=33554432'], 1],
    ['of 4 KiB', ['--request-size=4096'], 1],
  ])('copies everything %s', async (_, options, connections) => {
    const target = disk();
    const server = await serve(target);
    const copy = join(await scratchFolder(), 'copy');
    await run('nbdcopy', ...options, server.uri, copy);
    expect((await readFile(copy)).equals(target.bytes)).toBe(true);
    await server.stop();
    expect(server.counters).toMatchObject({ errors: 0, connections: 0, inFlight: 0, bytesInFlight: 0 });
    expect(server.counters.accepted).toBeGreaterThanOrEqual(connections);
    const reasons = server.events.flatMap((event) => (event.event === 'disconnected' ? [event.reason] : []));
    expect(reasons).toEqual(Array(server.counters.accepted).fill(null));
  });

  it('writes everything, holes too', async () => {
    const target = new MemoryTarget(randomBytes(image(shape).length));
    const wanted = image(shape);
    const { uri } = await serve(target);
    await run('nbdcopy', '--flush', await rawFile(wanted), uri);
    expect(target.bytes.equals(wanted)).toBe(true);
  });

  it('copies from one server to another', async () => {
    const [from, to] = [disk(), new MemoryTarget(randomBytes(disk().size))];
    await run('nbdcopy', (await serve(from)).uri, (await serve(to)).uri);
    expect(to.bytes.equals(from.bytes)).toBe(true);
  });
});
