/** Servers and networks that fail: one clear error, or a point with all that can be had and a warning. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { image, MemoryTarget } from '../../mount/nbd/memory-target.ts';
import { serve } from '../../mount/nbd/serving.ts';
import { scratchFolder } from '../../scratch.ts';
import { lineTo, nbdkit, noLibrary, noNbdkit, noQemuNbd, qemuNbd, uriOf } from './servers.ts';
import { block, mib, stage } from './stage.ts';

/** Milliseconds. */
const patience = 400;

describe.skipIf(noLibrary !== '')('a server that cannot be had', () => {
  it.each([
    ['a port where nobody listens', 'nbd://127.0.0.1:1/a', 'refused'],
    ['no socket', 'nbd+unix:///a?socket=/nowhere/x', 'No such file'],
    ['a host that nobody knows', 'nbd://nowhere.invalid/a', 'nowhere.invalid'],
    ['a path that is too long', `nbd+unix:///a?socket=/${'x'.repeat(200)}`, 'too long'],
  ])('%s', async (_, uri, reason) => {
    const { repo, backUp } = await stage();
    await expect(backUp(uri)).rejects.toMatchObject({
      code: 'SOURCE_UNREACHABLE',
      message: expect.stringContaining(reason),
    });
    await expect(backUp(uri, { dryRun: true })).rejects.toMatchObject({ code: 'SOURCE_UNREACHABLE' });
    for await (const { name } of repo.store.list('')) expect(name).toBe('strata.json');
  });

  it('that takes the connection and says nothing', async () => {
    const path = await silent(() => undefined);
    const { backUp } = await stage();
    await expect(backUp(uriOf(path), { sourcePatience: patience })).rejects.toMatchObject({
      code: 'SOURCE_UNREACHABLE',
      message: expect.stringContaining('does not answer'),
    });
  });

  it('that speaks something else', async () => {
    const path = await silent((socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'.repeat(10)));
    const { backUp } = await stage();
    await expect(backUp(uriOf(path))).rejects.toMatchObject({ code: 'SOURCE_UNREACHABLE' });
  });

  it('that closes the line', async () => {
    const path = await silent((socket) => socket.destroy());
    const { backUp } = await stage();
    await expect(backUp(uriOf(path))).rejects.toMatchObject({ code: 'SOURCE_UNREACHABLE' });
  });
});

describe.skipIf(noLibrary !== '')('an export', () => {
  it('that our server does not have, and one that is empty', async () => {
    const { backUp } = await stage();
    const { path } = await serve(new MemoryTarget(image('r')));
    await expect(backUp(uriOf(path, 'other'))).rejects.toMatchObject({ code: 'SOURCE_EXPORT_MISSING' });
    const empty = await serve(new MemoryTarget(Buffer.alloc(0)));
    await expect(backUp(uriOf(empty.path, 'disk'))).rejects.toMatchObject({ code: 'SOURCE_EMPTY' });
  });

  it.skipIf(noQemuNbd !== '')('that qemu does not have', async () => {
    const disk = join(await scratchFolder(), 'disk');
    await writeFile(disk, randomBytes(mib));
    const { socket } = await qemuNbd(disk, 'vda', '-f', 'raw');
    const { backUp } = await stage();
    await expect(backUp(uriOf(socket, 'vdb'))).rejects.toMatchObject({ code: 'SOURCE_EXPORT_MISSING' });
  });

  it.skipIf(noNbdkit !== '')('that is larger than can be', async () => {
    const { backUp } = await stage();
    const { uri } = await nbdkit('null', `size=${2n ** 63n - 1n}`);
    await expect(backUp(uri)).rejects.toMatchObject({ code: 'SOURCE_OPEN', message: expect.stringContaining('8 PiB') });
  });

  it('is not frozen by us', async () => {
    const { backUp } = await stage();
    const { path } = await serve(new MemoryTarget(image('r')));
    await expect(backUp(uriOf(path, 'disk'), { snapshot: 'required' })).rejects.toMatchObject({
      code: 'SNAPSHOT_IMPOSSIBLE',
      message: expect.stringContaining('where it is served'),
    });
  });

  it('with places that cannot be read has zeros there, and a warning', async () => {
    const { backUp, content } = await stage();
    const target = new MemoryTarget(randomBytes(4 * mib), { readOnly: true });
    target.broken = { from: mib + 5 * 512, to: mib + 7 * 512 };
    const result = await backUp(uriOf((await serve(target)).path, 'disk'));
    expect(result.warnings.map(({ code }) => code)).toEqual(['UNREADABLE']);
    const expected = Buffer.from(target.bytes).fill(0, target.broken.from, target.broken.to);
    expect((await content(result)).equals(expected)).toBe(true);
    // The next one reads them again.
    target.broken = null;
    const next = await backUp(uriOf((await serve(target)).path, 'disk'));
    expect(next).toMatchObject({ blocks: { changed: 1 }, warnings: [] });
    expect((await content(next)).equals(target.bytes)).toBe(true);
  });
});

describe.skipIf(noLibrary !== '')('a connection', () => {
  /** A server of random content, and a line to it. */
  async function lined(passes: Parameters<typeof lineTo>[2]) {
    const target = new MemoryTarget(randomBytes(12 * mib), { readOnly: true });
    const { path } = await serve(target);
    return { target, line: await lineTo(path, 'disk', passes) };
  }

  it('that breaks is made again, and the point is whole and says so', async () => {
    const { backUp, content } = await stage();
    const { target, line } = await lined((connection, bytes) => (connection <= 4 && bytes > mib ? 'cut' : 'pass'));
    const result = await backUp(line.uri, { tracker: 'nbd-bitmap' });
    expect(result.warnings.map(({ code }) => code)).toEqual(['SOURCE_RECONNECTED']);
    expect(result.tracking).toMatchObject({ since: null });
    expect(result.tracking?.kept).toBeUndefined();
    expect(line.count()).toBeGreaterThan(4);
    expect((await content(result)).equals(target.bytes)).toBe(true);
  });

  it('on which nothing moves any more is made again', async () => {
    const { backUp, content } = await stage();
    const { target, line } = await lined((connection, bytes) => (connection <= 4 && bytes > mib ? 'hold' : 'pass'));
    const result = await backUp(line.uri, { sourcePatience: patience });
    expect(result.warnings.map(({ code }) => code)).toEqual(['SOURCE_RECONNECTED']);
    expect((await content(result)).equals(target.bytes)).toBe(true);
  });

  it.each(['cut', 'hold'] as const)('that always breaks (%s) ends the run, and the older point stays', async (fate) => {
    const { backUp, content } = await stage();
    const { target, line } = await lined((_, bytes) => (bytes > mib / 2 ? fate : 'pass'));
    const before = await backUp(uriOf((await serve(target)).path, 'disk'));
    target.bytes.fill('x', mib, 11 * mib);
    await expect(backUp(line.uri, { sourcePatience: patience, full: true })).rejects.toMatchObject({
      code: 'SOURCE_LOST',
    });
    expect((await content(before)).length).toBe(12 * mib);
  });

  it('that comes back to an export of another size ends the run', async () => {
    const { backUp } = await stage();
    const other = await serve(new MemoryTarget(randomBytes(mib), { readOnly: true }));
    const { line } = await lined((connection, bytes) => {
      if (connection > 4 || bytes <= mib) return 'pass';
      line.redirect(other.path);
      return 'cut';
    });
    await expect(backUp(line.uri)).rejects.toMatchObject({ code: 'SOURCE_SIZE_CHANGED' });
  });

  it('to a server that allows fewer than it says uses those that there are', async () => {
    const { backUp, content } = await stage();
    const { target, line } = await lined((connection) => (connection > 1 ? 'hold' : 'pass'));
    const result = await backUp(line.uri, { sourcePatience: 2000 });
    expect(result.warnings).toEqual([]);
    expect((await content(result)).equals(target.bytes)).toBe(true);
  });

  it('is given up at once when the run is told to stop', async () => {
    const { backUp } = await stage();
    const stopping = new AbortController();
    const { line } = await lined((_, bytes) => {
      if (bytes <= 2 * mib) return 'pass';
      stopping.abort();
      return 'hold';
    });
    await expect(backUp(line.uri, {}, stopping.signal)).rejects.toMatchObject({ code: 'INTERRUPTED' });
  });
});

describe.skipIf(noLibrary + noNbdkit !== '')('nbdkit', () => {
  it('that fails some requests by chance loses nothing that can be read', async () => {
    const { backUp, content } = await stage();
    const disk = join(await scratchFolder(), 'disk');
    const bytes = randomBytes(4 * mib);
    await writeFile(disk, bytes);
    const { uri } = await nbdkit('--filter=error', 'file', disk, 'error-pread=EIO', 'error-pread-rate=1%');
    const result = await backUp(uri);
    for (const { code } of result.warnings) expect(code).toBe('UNREADABLE');
    const found = await content(result);
    for (let at = 0; at < bytes.length; at += 512) {
      const sector = found.subarray(at, at + 512);
      if (!sector.equals(bytes.subarray(at, at + 512))) expect(sector.equals(Buffer.alloc(512))).toBe(true);
    }
  });

  it('that refuses to read ends the run', async () => {
    const { backUp } = await stage();
    const { uri } = await nbdkit('--filter=error', 'pattern', `${mib}`, 'error-pread=EPERM', 'error-rate=100%');
    await expect(backUp(uri)).rejects.toMatchObject({ code: 'SOURCE_READ' });
  });

  it('that is killed while it is read ends the run', async () => {
    const { backUp, events } = await stage();
    const server = await nbdkit('--filter=rate', 'pattern', `${64 * mib}`, 'rate=100M');
    const running = backUp(server.uri, { sourcePatience: patience });
    running.catch(() => undefined);
    await expect
      .poll(() => events.some((it) => it.event === 'progress' && (it.bytesRead ?? 0) > block), { timeout: 20_000 })
      .toBe(true);
    await server.kill();
    await expect(running).rejects.toMatchObject({ code: 'SOURCE_LOST' });
  });
});

/** A unix socket where somebody listens who knows no NBD. */
async function silent(greet: (socket: Socket) => void): Promise<string> {
  const path = join(await scratchFolder(), 'silent');
  const open: Socket[] = [];
  const server = createServer((socket) => {
    open.push(socket.on('error', () => undefined));
    greet(socket);
  }).listen(path);
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    for (const socket of open) socket.destroy();
  });
  return path;
}
