/** TLS in the middle of a connection, as NBD_OPT_STARTTLS asks for it ("TLS support", FORCEDTLS mode). */
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { createSecureContext, createServer, type TLSSocket, type TlsOptions } from 'node:tls';
import { fail, fromSystem, reasonOf } from '../../errors.ts';
import { ProtocolError } from './channel.ts';

/** PEM files. */
export interface TlsFiles {
  readonly certificate: string;
  readonly key: string;
  /** When given, clients must show a certificate that this authority signed. */
  readonly clientCa?: string;
}

/** Reads the files, and checks that they can be used together. */
export async function loadCredentials({ certificate, key, clientCa }: TlsFiles): Promise<TlsOptions> {
  const own = { cert: await readPem(certificate), key: await readPem(key), minVersion: 'TLSv1.2' } as const;
  requireUsable(certificate, () => createSecureContext(own));
  if (clientCa === undefined) return own;
  const ca = await readPem(clientCa);
  requireUsable(clientCa, () => new X509Certificate(ca));
  return { ...own, ca, requestCert: true, rejectUnauthorized: true };
}

/**
 * Goes on with TLS on a connection that nobody reads. A TLS server of its own for one connection is how Node checks
 * a client's certificate.
 */
export function secure(socket: Socket, credentials: TlsOptions): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    // A client that hangs up during the handshake would not be noticed.
    socket.allowHalfOpen = false;
    const server = createServer(credentials);
    server.once('secureConnection', resolve);
    server.once('tlsClientError', (error: Error & { readonly reason?: string }, { authorizationError }) => {
      reject(new ProtocolError(`TLS failed: ${authorizationError ?? error.reason ?? error.message}`));
    });
    server.emit('connection', socket);
  });
}

function requireUsable(path: string, use: () => unknown): void {
  try {
    use();
  } catch (error) {
    throw fail('TLS_UNSUITABLE', { path, reason: reasonOf(error) }, { cause: error });
  }
}

async function readPem(path: string): Promise<Buffer> {
  return readFile(path).catch((error: unknown) => {
    throw fromSystem(error, `cannot read ${path}`);
  });
}
