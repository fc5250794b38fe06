/**
 * Ends connections on which nothing moves any more. Bytes that flow, however slowly, never end one.
 *
 * What was written tells nothing: the system takes megabytes at once, and sends them for minutes on a slow line. So while some of it has not been
 * acknowledged (/proc/net/tcp), the connection lives as long as that amount changes. When all of it has, something on the way may
 * still hold it (a proxy, a modem): the answer is waited for as long as it takes to send that on slowly.
 */

import { readFile } from 'node:fs/promises';
import type { Agent } from 'node:http';
import type { Socket } from 'node:net';

/** What something on the way may hold back, in bytes, and the slowest that it sends it on, in bytes a second. */
const heldBack = 8 * 1024 ** 2;
const slowest = 32 * 1024;
/** How often it is looked in the time that a connection may be silent. */
const looks = 12;
/** Local port, and bytes to be sent and to be read, of a line of /proc/net/tcp. */
const connectionLine =
  /^\s*\d+: [0-9A-F]+:([0-9A-F]{4}) [0-9A-F]+:[0-9A-F]{4} [0-9A-F]{2} ([0-9A-F]{8}):([0-9A-F]{8}) /gm;

interface Seen {
  readonly received: number;
  readonly unacknowledged: number;
  readonly written: number;
  /** Bytes written before it last answered, or fewer. */
  readonly answered: number;
  /** Milliseconds for which nothing changed, while we could look: not those in which this process stood still. */
  readonly quiet: number;
}

/** Bytes that the system holds for a connection. */
interface Held {
  readonly unacknowledged: number;
  readonly unread: number;
}

export class Vigil {
  readonly #agents: readonly Agent[];
  readonly #silence: number;
  readonly #seen = new WeakMap<Socket, Seen>();
  readonly #period: number;
  readonly #timer: NodeJS.Timeout;

  /** `silence`: milliseconds for which nothing may move. */
  constructor(agents: readonly Agent[], silence: number) {
    this.#agents = agents;
    this.#silence = silence;
    this.#period = silence / looks;
    this.#timer = setInterval(() => void this.#look(), this.#period).unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    const sockets = this.#agents.flatMap((agent) => Object.values(agent.sockets).flatMap((found) => found ?? []));
    if (sockets.length === 0) return;
    const held = await heldByPort();
    for (const socket of sockets) {
      if (!socket.destroyed) this.#judge(socket, held.get(socket.localPort ?? 0) ?? { unacknowledged: 0, unread: 0 });
    }
  }

  #judge(socket: Socket, { unacknowledged, unread }: Held): void {
    const before = this.#seen.get(socket);
    const { bytesRead: received, bytesWritten: written } = socket;
    // What has come and is not read yet waits for us: for a limit, or a slow disk.
    if (before?.received !== received || unread > 0) {
      this.#seen.set(socket, { received, unacknowledged, written, answered: before?.written ?? 0, quiet: 0 });
    } else if (before.unacknowledged !== unacknowledged) {
      this.#seen.set(socket, { ...before, unacknowledged, quiet: 0 });
    } else {
      const sent = Math.min(heldBack, written - before.answered);
      const more = unacknowledged > 0 ? 0 : (sent / slowest) * 1000;
      const quiet = before.quiet + this.#period;
      this.#seen.set(socket, { ...before, quiet });
      if (quiet <= this.#silence + more) return;
      const seconds = Math.round(quiet / 1000);
      socket.destroy(Object.assign(new Error(`nothing moved for ${seconds} s`), { code: 'ETIMEDOUT' }));
    }
  }
}

/** Of the TCP connections for which the system holds anything, by their local port; none where it does not tell. */
async function heldByPort(): Promise<ReadonlyMap<number, Held>> {
  const found = new Map<number, Held>();
  for (const table of ['/proc/self/net/tcp', '/proc/self/net/tcp6']) {
    const text = await readFile(table, 'latin1').catch(() => '');
    for (const [, port = '', sending = '', receiving = ''] of text.matchAll(connectionLine)) {
      const [unacknowledged, unread] = [Number.parseInt(sending, 16), Number.parseInt(receiving, 16)];
      if (unacknowledged + unread > 0) found.set(Number.parseInt(port, 16), { unacknowledged, unread });
    }
  }
  return found;
}
