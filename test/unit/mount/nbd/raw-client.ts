/** An NBD client for tests that can say anything at any time. It shares nothing with the server but the document. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { onTestFinished } from 'vitest';
import type { NbdAddress } from '../../../../src/mount/nbd/address.ts';

export const FUA = 1;
export const NO_HOLE = 2;
export const DF = 4;
export const REQ_ONE = 8;
export const FAST_ZERO = 16;

export const READ = 0;
export const WRITE = 1;
export const DISC = 2;
export const FLUSH = 3;
export const TRIM = 4;
export const CACHE = 5;
export const WRITE_ZEROES = 6;
export const BLOCK_STATUS = 7;

export interface OptionReply {
  readonly option: number;
  readonly type: number;
  readonly data: Buffer;
}

/** A simple reply has no flags and no type. */
export interface Reply {
  readonly kind: 'simple' | 'structured';
  readonly cookie: bigint;
  readonly error: number;
  readonly flags: number;
  readonly type: number;
  readonly data: Buffer;
}

const changes = ['readable', 'end', 'close'];

export class RawClient {
  readonly socket: Socket;
  #cookie = 0n;
  #wake: () => void = () => {};
  readonly #onChange = () => this.#wake();
  /** Lengths of the reads on the way: a simple reply does not say whether it has data. */
  readonly #reads = new Map<bigint, number>();

  private constructor(socket: Socket) {
    this.socket = socket;
    // Being dropped is what many tests want.
    socket.on('error', () => {});
    for (const event of changes) socket.on(event, this.#onChange);
  }

  /** Connects, without a word. */
  static async connect(address: NbdAddress): Promise<RawClient> {
    const socket = connect({ ...address, allowHalfOpen: true });
    onTestFinished(() => void socket.destroy());
    await once(socket, 'connect');
    return new RawClient(socket);
  }

  /** Connects and exchanges the first words. */
  static async greeted(address: NbdAddress, flags = 3): Promise<RawClient> {
    const client = await RawClient.connect(address);
    await client.take(18);
    client.socket.write(u32(flags));
    return client;
  }

  /** Connects and goes on to the transmission. */
  static async ready(address: NbdAddress, options: { structured?: boolean; allocation?: boolean } = {}) {
    const client = await RawClient.greeted(address);
    if (options.structured || options.allocation) await client.ask(8);
    if (options.allocation) await client.ask(10, contexts('', 'base:allocation'));
    const replies = await client.ask(7, infos(''));
    if (replies.at(-1)?.type !== 1) throw new Error('the server does not let us in');
    return client;
  }

  /** Goes on with TLS. */
  async secure(options: ConnectionOptions): Promise<RawClient> {
    for (const event of changes) this.socket.off(event, this.#onChange);
    const secured = connectTls({ ...options, socket: this.socket });
    await once(secured, 'secureConnect');
    return new RawClient(secured);
  }

  /** The next bytes from the server; rejects when it hangs up before. */
  async take(length: number): Promise<Buffer> {
    for (;;) {
      if (length === 0) return Buffer.alloc(0);
      const bytes: Buffer | null = this.socket.read(length);
      if (bytes !== null && bytes.length === length) return bytes;
      if (bytes !== null || this.socket.readableEnded || this.socket.destroyed) throw new Error('the server hung up');
      await this.#change();
    }
  }

  /** Waits until the server has hung up; gives what it said before. */
  async gone(): Promise<Buffer> {
    const said: Buffer[] = [];
    while (!this.socket.readableEnded && !this.socket.destroyed) {
      const bytes: Buffer | null = this.socket.read();
      if (bytes === null) await this.#change();
      else said.push(bytes);
    }
    this.socket.end();
    return Buffer.concat(said);
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  /** Sends an option without waiting for anything. */
  sendOption(option: number, data: Buffer = Buffer.alloc(0), length = data.length): void {
    this.socket.write(Buffer.concat([Buffer.from('IHAVEOPT'), u32(option), u32(length), data]));
  }

  async takeOptionReply(): Promise<OptionReply> {
    const header = await this.take(20);
    if (header.readBigUInt64BE(0) !== 0x3e889045565a9n) throw new Error('wrong magic of an option reply');
    const data = await this.take(header.readUInt32BE(16));
    return { option: header.readUInt32BE(8), type: header.readUInt32BE(12), data };
  }

  /** Sends an option, and gives all replies to it. */
  async ask(option: number, data: Buffer = Buffer.alloc(0)): Promise<OptionReply[]> {
    this.sendOption(option, data);
    const replies: OptionReply[] = [];
    for (;;) {
      const reply = await this.takeOptionReply();
      if (reply.option !== option) throw new Error(`a reply to ${reply.option}`);
      replies.push(reply);
      if (reply.type === 1 || reply.type >= 2 ** 31) return replies;
    }
  }

  /** Sends a request; gives its cookie. */
  send(type: number, offset: number | bigint, length: number, flags = 0, payload?: Buffer): bigint {
    const cookie = ++this.#cookie;
    if (type === READ) this.#reads.set(cookie, length);
    const header = request(type, cookie, offset, length, flags);
    this.socket.write(payload === undefined ? header : Buffer.concat([header, payload]));
    return cookie;
  }

  /** The next simple reply or chunk. */
  async takeReply(): Promise<Reply> {
    const magic = (await this.take(4)).readUInt32BE();
    if (magic === 0x67446698) {
      const rest = await this.take(12);
      const [error, cookie] = [rest.readUInt32BE(0), rest.readBigUInt64BE(4)];
      const data = await this.take(error === 0 ? (this.#reads.get(cookie) ?? 0) : 0);
      return { kind: 'simple', cookie, error, flags: 1, type: 0, data };
    }
    if (magic !== 0x668e33ef) throw new Error(`wrong magic of a reply: ${magic.toString(16)}`);
    const rest = await this.take(16);
    const data = await this.take(rest.readUInt32BE(12));
    const type = rest.readUInt16BE(2);
    const error = type >= 0x8000 ? data.readUInt32BE(0) : 0;
    return { kind: 'structured', cookie: rest.readBigUInt64BE(4), error, flags: rest.readUInt16BE(0), type, data };
  }

  /** Everything up to the end of the next reply that ends; nothing else may be on the way. */
  async takeReplies(): Promise<Reply[]> {
    const replies: Reply[] = [];
    for (;;) {
      const reply = await this.takeReply();
      replies.push(reply);
      if ((reply.flags & 1) !== 0) return replies;
    }
  }

  /** Sends a request with nothing else on the way; gives all of its reply. */
  async request(type: number, offset: number | bigint, length: number, flags = 0, payload?: Buffer): Promise<Reply[]> {
    const cookie = this.send(type, offset, length, flags, payload);
    const replies = await this.takeReplies();
    if (replies.some((reply) => reply.cookie !== cookie)) throw new Error('a reply to another request');
    return replies;
  }

  /** As `request`, and only the error of it. */
  async error(type: number, offset: number | bigint, length: number, flags = 0, payload?: Buffer): Promise<number> {
    const replies = await this.request(type, offset, length, flags, payload);
    return replies.find((reply) => reply.error !== 0)?.error ?? 0;
  }
}

export function request(type: number, cookie: bigint, offset: number | bigint, length: number, flags = 0): Buffer {
  const bytes = Buffer.alloc(28);
  bytes.writeUInt32BE(0x25609513, 0);
  bytes.writeUInt16BE(flags, 4);
  bytes.writeUInt16BE(type, 6);
  bytes.writeBigUInt64BE(cookie, 8);
  bytes.writeBigUInt64BE(BigInt(offset), 16);
  bytes.writeUInt32BE(length, 24);
  return bytes;
}

/** The data of NBD_OPT_INFO and NBD_OPT_GO. */
export function infos(name: string, ...wanted: number[]): Buffer {
  return Buffer.concat([text(name), u16(wanted.length), ...wanted.map(u16)]);
}

/** The data of NBD_OPT_LIST_META_CONTEXT and NBD_OPT_SET_META_CONTEXT. */
export function contexts(name: string, ...queries: string[]): Buffer {
  return Buffer.concat([text(name), u32(queries.length), ...queries.map(text)]);
}

function text(value: string): Buffer {
  return Buffer.concat([u32(Buffer.byteLength(value)), Buffer.from(value)]);
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}
