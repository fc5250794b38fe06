/** TLS in the middle of the handshake, and who is kept out by it. */
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { serveNbd } from '../../../../src/mount/nbd/server.ts';
import type { TlsFiles } from '../../../../src/mount/nbd/tls.ts';
import { quiet, scratchFolder } from '../../scratch.ts';
import { type Certificates, makeCertificates } from './certificates.ts';
import { image, MemoryTarget } from './memory-target.ts';
import { contexts, infos, RawClient, READ } from './raw-client.ts';
import { serve } from './serving.ts';
import { noNbdinfo, noQemu } from './tools.ts';
import { until } from './until.ts';

const run = promisify(execFile);

const ACK = 1;
const ERR_UNSUP = 2 ** 31 + 1;
const ERR_INVALID = 2 ** 31 + 3;
const ERR_TLS_REQD = 2 ** 31 + 5;
const STARTTLS = 5;

let made: Certificates;
beforeAll(async () => {
  made = await makeCertificates();
  return () => made.remove();
});

const target = () => new MemoryTarget(image('rr..'.repeat(300)), { readOnly: true });
const anyClient = (): TlsFiles => made.server;
const knownClients = (): TlsFiles => ({ ...made.server, clientCa: made.ca });
/** Over TCP: tools look at the host's name. */
const serveTls = (tls: TlsFiles) => serve(target(), { tls, listen: { host: '127.0.0.1', port: 0 } });

async function secured(address: Parameters<typeof RawClient.greeted>[0], options = {}): Promise<RawClient> {
  const client = await RawClient.greeted(address);
  expect(await client.ask(STARTTLS)).toMatchObject([{ type: ACK }]);
  return client.secure({ ca: await made.caText(), host: '127.0.0.1', ...options });
}

describe('a server with a certificate', () => {
  it('answers nothing else before TLS', async () => {
    const { address } = await serveTls(anyClient());
    const client = await RawClient.greeted(address);
    for (const option of [3, 6, 7, 8, 9, 10, 99]) {
      expect(await client.ask(option, infos('disk'))).toMatchObject([{ type: ERR_TLS_REQD }]);
    }
    expect(await client.ask(STARTTLS, Buffer.from('x'))).toMatchObject([{ type: ERR_INVALID }]);
    expect(await client.ask(2)).toMatchObject([{ type: ACK }]);
    const old = await RawClient.greeted(address);
    old.sendOption(1, Buffer.from('disk'));
    expect(await old.gone()).toHaveLength(0);
  });

  it('serves as ever after it', async () => {
    const server = await serveTls(anyClient());
    const client = await secured(server.address);
    expect(await client.ask(STARTTLS)).toMatchObject([{ type: ERR_INVALID }]);
    expect(await client.ask(99)).toMatchObject([{ type: ERR_UNSUP }]);
    // What was agreed on before TLS would not count; nothing was.
    expect(await client.ask(10, contexts('', 'base:allocation'))).toMatchObject([{ type: ERR_INVALID }]);
    expect((await client.ask(7, infos('disk'))).at(-1)?.type).toBe(ACK);
    const { bytes } = target();
    expect((await client.request(READ, 0, bytes.length))[0]?.data.equals(bytes)).toBe(true);
    for (let at = 0; at < 20; at++) client.send(READ, at, 1_000_000);
    for (let at = 0; at < 20; at++) expect((await client.takeReply()).error).toBe(0);
    client.socket.end();
    await until(() => server.counters.connections === 0);
    expect(server.events.at(-1)).toMatchObject({ reason: null });
  });

  it('takes nothing for the client that was said before it', async () => {
    const server = await serveTls(anyClient());
    const client = await RawClient.greeted(server.address);
    client.socket.cork();
    client.sendOption(STARTTLS);
    client.sendOption(7, infos('disk'));
    client.socket.uncork();
    await client.gone();
    await until(() => server.counters.connections === 0);
    expect(server.events.at(-1)).toMatchObject({ event: 'disconnected', reason: expect.stringContaining('STARTTLS') });
  });

  it('lives on when a client says anything but TLS, stops, or has an old version only', async () => {
    const server = await serveTls(anyClient());
    const garbage = await RawClient.greeted(server.address);
    await garbage.ask(STARTTLS);
    garbage.socket.write(Buffer.alloc(1000, 'x'));
    await garbage.gone();
    await until(() => server.counters.connections === 0);
    expect(server.events.at(-1)).toMatchObject({ reason: 'TLS failed: wrong version number' });
    const leaving = await RawClient.greeted(server.address);
    await leaving.ask(STARTTLS);
    leaving.socket.destroy();
    const old = { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' };
    await expect(secured(server.address, old)).rejects.toThrow();
    await until(() => server.counters.connections === 0);
    expect((await (await secured(server.address, { maxVersion: 'TLSv1.2' })).ask(7, infos(''))).at(-1)?.type).toBe(ACK);
  });

  it('ends while clients are in the middle of it', async () => {
    const server = await serveTls(anyClient());
    const waiting = await RawClient.greeted(server.address);
    await waiting.ask(STARTTLS);
    await secured(server.address);
    await server.stop();
    expect(server.counters.connections).toBe(0);
  });

  it('gives up on a client that does not begin', async () => {
    const server = await serve(target(), { tls: anyClient(), handshakeTime: 50 });
    const client = await RawClient.greeted(server.address);
    client.sendOption(STARTTLS);
    await client.gone();
    await until(() => server.counters.connections === 0);
    expect(server.events.at(-1)).toMatchObject({ event: 'disconnected', reason: 'the handshake took too long' });
  });
});

describe('a server that wants to know its clients', () => {
  it('takes those that its authority knows', async () => {
    const { address } = await serveTls(knownClients());
    const client = await secured(address, await made.clientText());
    expect((await client.ask(7, infos('disk'))).at(-1)?.type).toBe(ACK);
    expect(await client.error(READ, 0, 100)).toBe(0);
  });

  it.each([
    ['no certificate', async () => ({}), 'TLS failed: peer did not return a certificate'],
    ['one of another authority', () => made.strangerText(), 'TLS failed: UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
  ])('drops those with %s', async (_, credentials, reason) => {
    const server = await serveTls(knownClients());
    // In TLS 1.3 the client learns of it only after its own part is done.
    const client = await secured(server.address, await credentials()).catch(() => null);
    if (client !== null) await expect(client.ask(7, infos('disk'))).rejects.toThrow('hung up');
    await until(() => server.counters.connections === 0);
    expect(server.counters.requests).toBe(0);
    expect(server.events.at(-1)).toMatchObject({ event: 'disconnected', reason });
  });
});

describe('files that cannot be used', () => {
  const refused = (tls: TlsFiles) =>
    serveNbd(target(), { listen: { host: '127.0.0.1', port: 0 }, name: '', tls }, quiet());

  it.each(['certificate', 'key', 'clientCa'] as const)('are named: %s', async (which) => {
    const junk = join(await scratchFolder(), 'junk.pem');
    await writeFile(junk, 'junk');
    await expect(refused({ ...knownClients(), [which]: junk })).rejects.toMatchObject({ code: 'TLS_UNSUITABLE' });
    await expect(refused({ ...knownClients(), [which]: `${junk}.no` })).rejects.toMatchObject({
      code: 'IO',
      message: `cannot read ${junk}.no: no such file or directory`,
    });
  });

  it('are named when they do not belong together', async () => {
    const { certificate } = made.server;
    await expect(refused({ certificate, key: made.strangerKey })).rejects.toMatchObject({
      code: 'TLS_UNSUITABLE',
      message: expect.stringContaining(certificate),
    });
  });
});

describe('the tools of others', () => {
  it.skipIf(noNbdinfo)('nbdinfo sees the export through TLS, and nothing without', async () => {
    const { uri } = await serveTls(knownClients());
    const { stdout } = await run('nbdinfo', ['--json', `${uri}?tls-certificates=${made.folder}`]);
    expect(JSON.parse(stdout)).toMatchObject({ TLS: true, exports: [{ 'export-size': target().size }] });
    await expect(run('nbdinfo', ['--json', uri.replace('nbds:', 'nbd:')])).rejects.toThrow('nbd_opt_go');
  });

  it.skipIf(noQemu)('qemu-img reads through TLS', async () => {
    const { address } = await serveTls(knownClients());
    const raw = join(await scratchFolder(), 'raw');
    await writeFile(raw, target().bytes);
    const credentials = `tls-creds-x509,id=tls,endpoint=client,verify-peer=yes,dir=${made.folder}`;
    const port = 'port' in address ? address.port : 0;
    const disk = `driver=nbd,host=127.0.0.1,port=${port},export=disk,tls-creds=tls`;
    await run('qemu-img', [
      'compare',
      '--object',
      credentials,
      '--image-opts',
      `driver=raw,file.filename=${raw}`,
      disk,
    ]);
  });
});
