/**
 * An NBD server: one export, for clients such as nbd-client, qemu, nbdcopy and nbdinfo.
 * The protocol: https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md; names of sections in this folder
 * are that document's.
 */
import { createServer, type Socket } from 'node:net';
import { reasonOf } from '../../errors.ts';
import { addressText, type NbdAddress, uriOf } from './address.ts';
import type { BlockTarget } from './block-target.ts';
import { BufferPool } from './buffer-pool.ts';
import { Connection } from './connection.ts';
import { limits } from './constants.ts';
import { type NbdCounters, type NbdEvent, noCounts } from './events.ts';
import { listen } from './listen.ts';
import { loadCredentials, type TlsFiles } from './tls.ts';

export interface NbdOptions {
  readonly listen: NbdAddress;
  /** The export's name; clients that name none get it, too. */
  readonly name: string;
  /** What clients may show to humans. */
  readonly description?: string;
  /** When given, clients without TLS are turned away. */
  readonly tls?: TlsFiles;
  /** What reads and writes are best aligned to, a power of two: the repository's block size. */
  readonly preferredBlock?: number;
  /** Clients at once, 16 unless said otherwise; each may use up to 32 MiB. */
  readonly maxConnections?: number;
  /** Milliseconds that a client has for the handshake, and that its last replies have to reach it. */
  readonly handshakeTime?: number;
  readonly partingTime?: number;
  readonly report?: (event: NbdEvent) => void;
}

export interface NbdServer {
  /** Where it listens, with the port that it got. */
  readonly address: NbdAddress;
  /** What clients connect to: `nbd://127.0.0.1:10809/name`, `nbd+unix:///name?socket=…`, nbds with TLS. */
  readonly uri: string;
  readonly counters: Readonly<NbdCounters>;
  /** Resolves after the signal came, when every client is gone and the target is not used any more. */
  readonly finished: Promise<void>;
}

/**
 * Serves `target` until the signal comes: then no new clients are taken, requests in flight are answered, and the
 * connections end. Rejects with ADDRESS_IN_USE, TLS_UNSUITABLE or what the system says when it cannot begin.
 */
export async function serveNbd(target: BlockTarget, options: NbdOptions, signal: AbortSignal): Promise<NbdServer> {
  const { name, description = '', preferredBlock = 262_144, tls, report = () => {} } = options;
  const { maxConnections = 16, handshakeTime = 30_000, partingTime = 30_000 } = options;
  const exported = { name, description, preferredBlock, target };
  const credentials = tls === undefined ? null : await loadCredentials(tls);
  const counters = noCounts();
  const buffers = new BufferPool(limits.pool);
  const open = new Map<Connection, Promise<void>>();

  const accept = (socket: Socket) => {
    const client = clientOf(socket);
    const onFailure = (offset: number, length: number, error: unknown) =>
      report({ event: 'error', client, export: name, offset, length, error });
    const settings = { exported, credentials, buffers, counters, onFailure, handshakeTime, partingTime };
    const connection = new Connection(socket, settings);
    counters.accepted += 1;
    counters.connections += 1;
    report({ event: 'connected', client });
    const served = connection.run().then((reason) => {
      open.delete(connection);
      counters.connections -= 1;
      if (counters.connections === 0) buffers.clear();
      report({ event: 'disconnected', client, reason });
    });
    open.set(connection, served);
  };
  const refuse = (reason: string) => {
    counters.refused += 1;
    report({ event: 'refused', reason });
  };

  // Half open: a client that has said everything still gets its replies. Kept alive: a machine that died is noticed.
  const sockets = { allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000 };
  const server = createServer(sockets, accept);
  server.maxConnections = maxConnections;
  const address = await listen(server, options.listen);
  server.on('drop', () => refuse(`there are ${maxConnections} connections already`));
  server.on('error', (error) => refuse(reasonOf(error)));
  const finished = new Promise<void>((resolve) => {
    server.once('close', async () => {
      await Promise.all(open.values());
      resolve();
    });
  });
  const stop = () => {
    server.close();
    for (const connection of open.keys()) connection.stop();
  };
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  return { address, uri: uriOf(address, name, tls !== undefined), counters, finished };
}

function clientOf({ remoteAddress, remotePort }: Socket): string {
  if (remoteAddress === undefined || remotePort === undefined) return 'a local client';
  return addressText({ host: remoteAddress, port: remotePort });
}
