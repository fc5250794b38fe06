import { randomBytes } from 'node:crypto';
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Certificates, makeCertificates } from '../../mount/nbd/certificates.ts';
import { MemoryTarget } from '../../mount/nbd/memory-target.ts';
import { serve } from '../../mount/nbd/serving.ts';
import { scratchFolder } from '../../scratch.ts';
import { noLibrary } from './servers.ts';
import { mib, stage } from './stage.ts';

let made: Certificates;
beforeAll(async () => {
  made = await makeCertificates();
  return () => made.remove();
});

describe.skipIf(noLibrary !== '')('nbds://', () => {
  async function secured(more = {}) {
    const target = new MemoryTarget(randomBytes(3 * mib), { readOnly: true });
    const listen = { host: '0.0.0.0', port: 0 };
    const { address } = await serve(target, { tls: { ...made.server, ...more }, listen });
    return { target, at: `127.0.0.1:${'port' in address ? address.port : 0}/disk` };
  }
  const named = (folder: string) => `?tls-certificates=${folder}`;

  it('is read when the server is who it should be', async () => {
    const { backUp, content } = await stage();
    const { target, at } = await secured({ clientCa: made.ca });
    const result = await backUp(`nbds://${at}${named(made.folder)}`);
    expect(result.warnings).toEqual([]);
    expect((await content(result)).equals(target.bytes)).toBe(true);
  });

  it('trusts nobody unasked, and no stranger', async () => {
    const { backUp } = await stage();
    const { at } = await secured();
    const folder = await scratchFolder();
    const error = { code: 'SOURCE_OPEN', message: expect.stringContaining('no ca-cert.pem') };
    await expect(backUp(`nbds://${at}${named(folder)}`)).rejects.toMatchObject(error);
    // Another authority.
    await cp(join(made.folder, 'other-cert.pem'), join(folder, 'ca-cert.pem'));
    await expect(backUp(`nbds://${at}${named(folder)}`)).rejects.toMatchObject({ code: 'SOURCE_UNREACHABLE' });
    // Another host than the certificate is for.
    const elsewhere = at.replace('127.0.0.1', '127.0.0.2');
    const { at: there } = await secured();
    await expect(backUp(`nbds://${elsewhere}${named(made.folder)}`)).rejects.toMatchObject({
      code: 'SOURCE_UNREACHABLE',
    });
    await rm(join(folder, 'ca-cert.pem'));
    await expect(backUp(`nbds://${there}${named(folder)}`)).rejects.toMatchObject(error);
  });

  it('is needed where the server wants it, and only there', async () => {
    const { backUp } = await stage();
    const { at } = await secured();
    const wanted = { code: 'SOURCE_UNREACHABLE', message: expect.stringContaining('TLS') };
    await expect(backUp(`nbd://${at}`)).rejects.toMatchObject(wanted);
    const { address } = await serve(new MemoryTarget(randomBytes(mib)), { listen: { host: '127.0.0.1', port: 0 } });
    const plain = `127.0.0.1:${'port' in address ? address.port : 0}/disk`;
    await expect(backUp(`nbds://${plain}${named(made.folder)}`)).rejects.toMatchObject({ code: 'SOURCE_UNREACHABLE' });
    // A client that the server does not know.
    const { at: strict } = await secured({ clientCa: made.ca });
    const folder = await scratchFolder();
    await cp(made.ca, join(folder, 'ca-cert.pem'));
    await expect(backUp(`nbds://${strict}${named(folder)}`, { sourcePatience: 400 })).rejects.toMatchObject({
      code: expect.stringMatching(/SOURCE_(UNREACHABLE|LOST)/),
    });
  });
});
