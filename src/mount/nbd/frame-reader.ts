/**
 * Reads a connection in pieces of given lengths. What the peer sends stays in the socket's buffer, and then in the
 * peer's, until somebody asks for it.
 */
import type { Socket } from 'node:net';

/** There is nothing more to read: the peer has left, the connection broke, or we stopped reading. */
export class ConnectionEnded extends Error {}

const nothing = Buffer.alloc(0);

export class FrameReader {
  readonly #socket: Socket;
  /** Taken from the socket and not asked for yet. */
  #rest: Buffer = nothing;
  #stopped = false;
  #wake: () => void = () => {};
  readonly #onChange = () => this.#wake();

  constructor(socket: Socket) {
    this.#socket = socket;
    for (const event of ['readable', 'end', 'close']) socket.on(event, this.#onChange);
  }

  /** The next `length` bytes; a short piece may be a view of a larger buffer. Rejects with ConnectionEnded. */
  async read(length: number): Promise<Buffer> {
    if (this.#rest.length === 0 && length > 0) await this.#more();
    if (this.#rest.length >= length) return this.#take(length);
    const bytes = Buffer.allocUnsafeSlow(length);
    for (let filled = 0; filled < length; ) {
      if (this.#rest.length === 0) await this.#more();
      filled += this.#take(Math.min(this.#rest.length, length - filled)).copy(bytes, filled);
    }
    return bytes;
  }

  /** Throws away the next `length` bytes. */
  async skip(length: number): Promise<void> {
    for (let left = length; left > 0; ) {
      if (this.#rest.length === 0) await this.#more();
      left -= this.#take(Math.min(this.#rest.length, left)).length;
    }
  }

  /** Ends all reading, also one under way, as if the peer had left. */
  stop(): void {
    this.#stopped = true;
    this.#wake();
  }

  /** Leaves the socket to another reader; false when bytes were taken from it that nobody asked for. */
  release(): boolean {
    for (const event of ['readable', 'end', 'close']) this.#socket.off(event, this.#onChange);
    return this.#rest.length === 0;
  }

  #take(length: number): Buffer {
    const piece = this.#rest.subarray(0, length);
    this.#rest = this.#rest.subarray(length);
    return piece;
  }

  /** Waits until there is something in `#rest`. */
  async #more(): Promise<void> {
    while (!this.#stopped) {
      const bytes: Buffer | null = this.#socket.read();
      if (bytes !== null) {
        this.#rest = bytes;
        return;
      }
      if (this.#socket.readableEnded || this.#socket.destroyed) break;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    throw new ConnectionEnded();
  }
}
