/** One client, from its first byte to its last. */
import type { Socket } from 'node:net';
import type { TlsOptions } from 'node:tls';
import { reasonOf } from '../../errors.ts';
import type { BufferPool } from './buffer-pool.ts';
import { Channel, ProtocolError } from './channel.ts';
import type { NbdCounters } from './events.ts';
import type { Export } from './export.ts';
import { ConnectionEnded } from './frame-reader.ts';
import { greet, Haggling, type Session } from './handshake.ts';
import { secure } from './tls.ts';
import { type OnFailure, Transmission } from './transmission.ts';

export interface ConnectionOptions {
  readonly exported: Export;
  /** null: no TLS. */
  readonly credentials: TlsOptions | null;
  readonly buffers: BufferPool;
  readonly counters: NbdCounters;
  readonly onFailure: OnFailure;
  /** Milliseconds until the client has to be through with the handshake. */
  readonly handshakeTime: number;
  /** Milliseconds that the last replies have to reach the client once no more requests are taken. */
  readonly partingTime: number;
}

export class Connection {
  readonly #socket: Socket;
  readonly #options: ConnectionOptions;
  /** The way to the client: the socket's own, or TLS on it. */
  #channel: Channel;
  #transmission: Transmission | null = null;

  constructor(socket: Socket, options: ConnectionOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#channel = new Channel(socket);
  }

  /** Serves the client until it is gone. Gives the reason when it was dropped. Never rejects. */
  async run(): Promise<string | null> {
    const reason = await this.#serve().then(
      () => null,
      (error: unknown) => {
        const left = error instanceof ConnectionEnded;
        if (!left) this.#socket.destroy();
        return this.#onlyLooked() ? null : (this.#socket.errored ?? (left ? null : error));
      },
    );
    const parting = setTimeout(() => this.#socket.destroy(), this.#options.partingTime);
    await this.#transmission?.settled();
    await this.#channel.end();
    clearTimeout(parting);
    return reason === null ? null : reasonOf(reason);
  }

  /** Lets the requests in flight end, and then the connection. */
  stop(): void {
    if (this.#transmission === null) this.#socket.destroy();
    else this.#channel.reader.stop();
  }

  /** Who looks whether somebody listens leaves without a word, as we do ourselves (listen.ts): nothing is wrong then. */
  #onlyLooked(): boolean {
    const { bytesRead, errored } = this.#socket;
    const { code } = (errored ?? {}) as NodeJS.ErrnoException;
    return bytesRead === 0 && (code === 'ECONNRESET' || code === 'EPIPE');
  }

  async #serve(): Promise<void> {
    const session = await this.#handshake();
    if (session === null) return;
    const { exported, buffers } = this.#options;
    const at = { target: exported.target, session, buffers };
    this.#transmission = new Transmission(this.#channel, at, this.#options);
    await this.#transmission.run();
  }

  /** Agrees on the export; null when the client did not want to in the end. */
  async #handshake(): Promise<Session | null> {
    const late = setTimeout(
      () => this.#socket.destroy(new Error('the handshake took too long')),
      this.#options.handshakeTime,
    );
    try {
      const noZeroes = await greet(this.#channel);
      const { exported, credentials } = this.#options;
      const tls = credentials === null ? 'none' : 'required';
      let outcome = await new Haggling(this.#channel, exported, tls, noZeroes).finish();
      if (outcome === 'tls' && credentials !== null) {
        await this.#secure(credentials);
        outcome = await new Haggling(this.#channel, exported, 'established', noZeroes).finish();
      }
      return typeof outcome === 'string' ? null : outcome;
    } finally {
      clearTimeout(late);
    }
  }

  async #secure(credentials: TlsOptions): Promise<void> {
    // What came before the handshake could be anybody's: it must not be taken for the client's.
    if (!this.#channel.reader.release()) throw new ProtocolError('bytes between NBD_OPT_STARTTLS and its reply');
    this.#channel = new Channel(await secure(this.#socket, credentials));
  }
}
