/** Certificates for tests, made by openssl for one day. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface Certificates {
  /** As libnbd and qemu want it: `ca-cert.pem`, `client-cert.pem`, `client-key.pem`. */
  readonly folder: string;
  readonly ca: string;
  readonly server: { readonly certificate: string; readonly key: string };
  readonly strangerKey: string;
  caText(): Promise<Buffer>;
  clientText(): Promise<{ cert: Buffer; key: Buffer }>;
  /** Of a client that another authority knows. */
  strangerText(): Promise<{ cert: Buffer; key: Buffer }>;
  remove(): Promise<void>;
}

export async function makeCertificates(): Promise<Certificates> {
  const folder = await mkdtemp(join(tmpdir(), 'strata-tls-'));
  const certificate = (name: string) => join(folder, `${name}-cert.pem`);
  const key = (name: string) => join(folder, `${name}-key.pem`);
  const make = (name: string, ...extensions: string[]) =>
    run('openssl', [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1'],
      ...['-subj', `/CN=${name}`, '-out', certificate(name), '-keyout', key(name), ...extensions],
    ]);
  const signed = (by: string) => ['-CA', certificate(by), '-CAkey', key(by)];
  const host = ['-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost'];
  const leaf = ['-addext', 'basicConstraints=critical,CA:FALSE'];
  await make('ca');
  await make('other');
  await make('server', ...signed('ca'), ...host, ...leaf);
  await make('client', ...signed('ca'), ...leaf);
  await make('stranger', ...signed('other'), ...leaf);
  const text = async (name: string) => ({ cert: await readFile(certificate(name)), key: await readFile(key(name)) });
  return {
    folder,
    ca: certificate('ca'),
    server: { certificate: certificate('server'), key: key('server') },
    strangerKey: key('stranger'),
    caText: () => readFile(certificate('ca')),
    clientText: () => text('client'),
    strangerText: () => text('stranger'),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
