/** TLS in the middle of a connection, as NBD_OPT_STARTTLS asks for it ("TLS support", FORCEDTLS mode). */
import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { createSecureContext, createServer, type TLSSocket, type TlsOptions } from 'node:tls';
import { fail, fromSystem, reasonOf } from '../../errors.ts';

/** PEM files. */
export interface TlsFiles {
  readonly certificate: string;
  readonly key: string;
  /** When given, clients must show a certificate that this authority signed. */
  readonly clientCa?: string;
}

/** Reads the files, and checks that they go together. */
export async function loadCredentials(files: TlsFiles): Promise<TlsOptions> {
  const credentials: TlsOptions = {
    cert: await readPem(files.certificate),
    key: await readPem(files.key),
    minVersion: 'TLSv1.2',
  };
  if (files.clientCa !== undefined) {
    Object.assign(credentials, { ca: await readPem(files.clientCa), requestCert: true, rejectUnauthorized: true });
  }
  try {
    createSecureContext(credentials);
  } catch (error) {
    throw fail('TLS_UNSUITABLE', { path: files.certificate, reason: reasonOf(error) }, { cause: error });
  }
  return credentials;
}

/**
 * Goes on with TLS on a connection that nobody reads. A TLS server of its own for one connection is how Node checks
 * a client's certificate.
 */
export function secure(socket: Socket, credentials: TlsOptions): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const server = createServer(credentials);
    server.once('secureConnection', resolve);
    server.once('tlsClientError', reject);
    server.emit('connection', socket);
  });
}

async function readPem(path: string): Promise<Buffer> {
  return readFile(path).catch((error: unknown) => {
    throw fromSystem(error, `cannot read ${path}`);
  });
}
