/** One connection's two directions: pieces are read as they are asked for, messages are written without copying them. */
import type { Socket } from 'node:net';
import { FrameReader } from './frame-reader.ts';

/** A message to the client, one buffer after the other; there is at least one. */
export type Message = readonly Uint8Array[];

/** The client broke the protocol in a way that no reply can tell: the connection is dropped. */
export class ProtocolError extends Error {}

export class Channel {
  readonly socket: Socket;
  readonly reader: FrameReader;

  constructor(socket: Socket) {
    this.socket = socket;
    this.reader = new FrameReader(socket);
    // A connection that breaks ends the reader; who wants to know why looks at `socket.errored`.
    socket.on('error', () => {});
  }

  /**
   * Sends a message, never mixed with another one. Resolves when the system has taken all of it, or will not take it
   * any more: until then it uses memory, so whoever sends much waits.
   */
  send(message: Message): Promise<void> {
    const { socket } = this;
    const last = message.length - 1;
    return new Promise((resolve) => {
      socket.cork();
      for (const [index, part] of message.entries()) socket.write(part, index === last ? () => resolve() : undefined);
      socket.uncork();
    });
  }

  /** Ends the connection after what was sent. What the client still sends is thrown away, until it has left, too. */
  async end(): Promise<void> {
    const { socket } = this;
    if (socket.closed) return;
    this.reader.release();
    socket.end();
    socket.resume();
    await new Promise((resolve) => socket.once('close', resolve));
  }
}
