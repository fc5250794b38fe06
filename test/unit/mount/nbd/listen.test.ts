/** Where the server listens. */
import { execFile } from 'node:child_process';
import { lstat, mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { addressText, type NbdAddress, parseHostPort, uriOf } from '../../../../src/mount/nbd/address.ts';
import { serveNbd } from '../../../../src/mount/nbd/server.ts';
import { quiet, scratchFolder } from '../../scratch.ts';
import { image, MemoryTarget } from './memory-target.ts';
import { RawClient, READ } from './raw-client.ts';
import { serve } from './serving.ts';

const target = () => new MemoryTarget(image('r'), { readOnly: true });

/** Serving where it must fail. */
const refused = (listen: NbdAddress) => serveNbd(target(), { listen, name: 'disk' }, quiet());

describe('an address', () => {
  it.each([
    ['127.0.0.1', '127.0.0.1:10809'],
    ['127.0.0.1:0', '127.0.0.1:0'],
    ['backup.example:65535', 'backup.example:65535'],
    ['[::1]', '[::1]:10809'],
    ['[::]:10', '[::]:10'],
  ])('%s means %s', (text, meant) => {
    expect(addressText(parseHostPort(text))).toBe(meant);
  });

  it.each(['', ':10809', '::1', '::1:10809', 'host:', 'host:65536', 'host:port', '[host]:1', '[::1', 'a:1:2', '[]:1'])(
    'cannot be %j',
    (text) => {
      expect(() => parseHostPort(text)).toThrow(expect.objectContaining({ code: 'USAGE' }));
    },
  );

  it.each([
    [{ host: '127.0.0.1', port: 10809 }, 'a', false, 'nbd://127.0.0.1:10809/a'],
    [{ host: '::1', port: 1 }, 'web1/sda', true, 'nbds://[::1]:1/web1%2Fsda'],
    [{ path: '/run/a b' }, 'ä?', false, 'nbd+unix:///%C3%A4%3F?socket=%2Frun%2Fa%20b'],
    [{ path: '/x' }, '', true, 'nbds+unix:///?socket=%2Fx'],
  ])('%j has a URI', (address, name, tls, uri) => {
    expect(uriOf(address, name, tls)).toBe(uri);
  });
});

describe('a unix socket', () => {
  it('is for its owner only, and leaves with the server', async () => {
    const mask = process.umask(0);
    onTestFinished(() => void process.umask(mask));
    const server = await serve(target());
    expect(process.umask()).toBe(0);
    expect((await lstat(server.path)).mode & 0o777).toBe(0o600);
    await server.stop();
    await expect(lstat(server.path)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('of a server that died is replaced', async () => {
    const path = join(await scratchFolder(), 'nbd');
    const killed = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
    await expect(promisify(execFile)(process.execPath, ['-e', killed])).rejects.toMatchObject({ signal: 'SIGKILL' });
    expect((await lstat(path)).isSocket()).toBe(true);
    const { address } = await serve(target(), { listen: { path } });
    expect(await (await RawClient.ready(address)).error(READ, 0, 1)).toBe(0);
  });

  it('of a server that lives is left to it', async () => {
    const { path, address } = await serve(target());
    await expect(refused({ path })).rejects.toMatchObject({
      code: 'ADDRESS_IN_USE',
      message: `cannot listen on ${path}: it is in use`,
    });
    expect(await (await RawClient.ready(address)).error(READ, 0, 1)).toBe(0);
  });

  it('does not replace what is no socket', async () => {
    const path = join(await scratchFolder(), 'nbd');
    await writeFile(path, 'precious');
    await expect(refused({ path })).rejects.toMatchObject({ code: 'ADDRESS_IN_USE' });
    expect((await lstat(path)).size).toBe(8);
    await mkdir(`${path}.d`);
    await expect(refused({ path: `${path}.d` })).rejects.toMatchObject({ code: 'ADDRESS_IN_USE' });
  });

  it('needs a folder, and a name that is not too long', async () => {
    const folder = await scratchFolder();
    await expect(refused({ path: join(folder, 'no', 'nbd') })).rejects.toMatchObject({ code: 'ADDRESS_UNSUITABLE' });
    await expect(refused({ path: join(folder, 'n'.repeat(120)) })).rejects.toMatchObject({
      code: 'ADDRESS_UNSUITABLE',
    });
  });
});

describe('a port', () => {
  it.each(['127.0.0.1', '::1'])('of %s is the one that was free', async (host) => {
    const { address, uri } = await serve(target(), { listen: { host, port: 0 } });
    expect(uri).toBe(`nbd://${addressText(address)}/disk`);
    expect(uri).not.toContain(':0/');
    expect(await (await RawClient.ready(address)).error(READ, 0, 1)).toBe(0);
  });

  it('that is taken is refused', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    onTestFinished(() => void other.close());
    const { port } = other.address() as { port: number };
    await expect(refused({ host: '127.0.0.1', port })).rejects.toMatchObject({ code: 'ADDRESS_IN_USE' });
    await expect(refused({ host: '192.0.2.1', port: 0 })).rejects.toMatchObject({ code: 'ADDRESS_UNSUITABLE' });
  });
});
