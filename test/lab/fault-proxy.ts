/**
 * A bad network in front of a real server: delays, slow lines, losses, refusals, connections cut on the way up or down, answers that are lost after
 * the server has done what was asked. It passes everything on as it is, so signatures stay right.
 */
import { Agent, createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';

/** Milliseconds for which a connection stands still. */
const stall = 500;

/** What becomes of a request; null: it is passed on. */
export type Fault =
  /** Refused with this status and S3 code, before the server hears of it. */
  | { readonly kind: 'refuse'; readonly status: number; readonly code: string }
  /** The connection ends after so many bytes of the request's body. */
  | { readonly kind: 'cut-up'; readonly after: number }
  /** The server does it, and its answer is lost. */
  | { readonly kind: 'lose-answer' }
  /** The connection ends after so many bytes of the answer's body. */
  | { readonly kind: 'cut-down'; readonly after: number }
  /** Nothing is ever answered. */
  | { readonly kind: 'hang' };

export interface Asked {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  /** Counts the requests, from 0. */
  readonly n: number;
}

export interface Loss {
  readonly kind: 'reset' | 'stall';
  readonly after: number;
}

export interface Conditions {
  /** Milliseconds before each request is passed on, and before each answer is. */
  delay?: number;
  delayBack?: number;
  /** What a request suffers on its way, after so many bytes of its body or at its end: its connection is reset, or stands still for a while. */
  lose?: () => Loss | null;
  /** Bytes a second, both ways together, over all connections. */
  rate?: number;
  fault?: (asked: Asked) => Fault | null;
  /** What becomes of the headers of answers. */
  alter?: (headers: IncomingMessage['headers']) => IncomingMessage['headers'];
}

export interface FaultProxy {
  readonly endpoint: string;
  /** May be changed at any time. */
  readonly conditions: Conditions;
  /** All that was asked. */
  readonly asked: readonly Asked[];
  /** Bytes of bodies that came from the client, and that it was given. */
  readonly bytes: { readonly up: number; readonly down: number };
  /** Waits until so many have come from the client. */
  received(bytes: number): Promise<void>;
  /** Refuses connections, and cuts those that there are. */
  unplug(): Promise<void>;
  plugIn(): Promise<void>;
  close(): Promise<void>;
}

export async function startFaultProxy(target: string, conditions: Conditions = {}): Promise<FaultProxy> {
  const { hostname, port } = new URL(target);
  const agent = new Agent({ keepAlive: true, maxSockets: 256 });
  const asked: Asked[] = [];
  const bytes = { up: 0, down: 0 };
  const awaited = new Set<() => void>();
  let free = 0;
  /** Waits for its share of the line. */
  const pace = async (bytes: number) => {
    if (conditions.rate === undefined) return;
    const now = Date.now();
    free = Math.max(free, now) + (bytes / conditions.rate) * 1000;
    if (free > now) await wait(free - now);
  };

  const pass = async (incoming: IncomingMessage, outgoing: ServerResponse) => {
    const { method = '', url = '', headers } = incoming;
    const it: Asked = { method, url, headers, n: asked.length };
    asked.push(it);
    const fault = conditions.fault?.(it) ?? null;
    if (conditions.delay !== undefined) await wait(conditions.delay);
    let loss = conditions.lose?.() ?? null;
    /** Whether the connection is lost. */
    const suffer = async () => {
      const { kind } = loss ?? {};
      loss = null;
      if (kind === 'stall') await wait(stall);
      if (kind === 'reset') incoming.socket.resetAndDestroy();
      return kind === 'reset';
    };
    if (fault?.kind === 'hang') return;
    if (fault?.kind === 'refuse') {
      incoming.resume();
      const body = `<?xml version="1.0"?><Error><Code>${fault.code}</Code><Message>by the proxy</Message></Error>`;
      outgoing.writeHead(fault.status, { 'content-type': 'application/xml', 'content-length': body.length }).end(body);
      return;
    }
    // The client waits for this before it sends a body.
    if (headers.expect === '100-continue') outgoing.writeContinue();
    const forward = request({ hostname, port, method, path: url, headers, agent });
    forward.on('error', () => outgoing.destroy());
    outgoing.on('close', () => forward.destroy());
    const answered = new Promise<IncomingMessage>((resolve) => forward.on('response', resolve));
    let sent = 0;
    for await (const chunk of incoming) {
      sent += chunk.length;
      bytes.up += chunk.length;
      for (const look of awaited) look();
      if (loss !== null && sent > loss.after && (await suffer())) {
        forward.destroy();
        return;
      }
      if (fault?.kind === 'cut-up' && sent > fault.after) {
        forward.destroy();
        incoming.socket.destroy();
        return;
      }
      await pace(chunk.length);
      if (!forward.write(chunk)) await new Promise((resolve) => forward.once('drain', resolve));
    }
    forward.end();
    const answer = await answered;
    if (await suffer()) return;
    if (fault?.kind === 'lose-answer') {
      answer.resume();
      answer.on('end', () => incoming.socket.destroy());
      return;
    }
    if (conditions.delayBack !== undefined) await wait(conditions.delayBack);
    outgoing.writeHead(answer.statusCode ?? 500, conditions.alter?.(answer.headers) ?? answer.headers);
    let given = 0;
    for await (const chunk of answer) {
      given += chunk.length;
      bytes.down += chunk.length;
      if (fault?.kind === 'cut-down' && given > fault.after) {
        incoming.socket.destroy();
        return;
      }
      await pace(chunk.length);
      if (!outgoing.write(chunk)) await new Promise((resolve) => outgoing.once('drain', resolve));
    }
    outgoing.end();
  };

  const server: Server = createServer({ keepAliveTimeout: 60_000 });
  const take = (incoming: IncomingMessage, outgoing: ServerResponse) => {
    pass(incoming, outgoing).catch(() => outgoing.destroy());
  };
  server.on('request', take);
  server.on('checkContinue', take);
  const listen = (at: number) => new Promise<void>((resolve) => server.listen(at, '127.0.0.1', resolve));
  await listen(0);
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const unplug = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    conditions,
    asked,
    bytes,
    received: (wanted) =>
      new Promise((resolve) => {
        const look = () => {
          if (bytes.up < wanted) return;
          awaited.delete(look);
          resolve();
        };
        awaited.add(look);
        look();
      }),
    unplug,
    plugIn: () => listen(address.port),
    close: async () => {
      if (server.listening) await unplug();
      agent.destroy();
    },
  };
}
