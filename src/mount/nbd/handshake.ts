/** Fixed newstyle negotiation: which export, with which features ("Handshake", "Option types"). */
import { type Channel, ProtocolError } from './channel.ts';
import { allocationContext, handshakeFlag, limits, magic, option, optionReply } from './constants.ts';
import type { Export } from './export.ts';
import { decodeContextRequest, decodeInfoRequest, decodeNothing, InvalidOption } from './option-data.ts';
import { contextData, exportData, greeting, infoData, optionMessage, serverData } from './option-replies.ts';

/** What was agreed on for the transmission. */
export interface Session {
  readonly structured: boolean;
  /** Whether the client may ask for block status in `base:allocation`. */
  readonly allocation: boolean;
}

/** `required`: nothing else is answered before it. */
export type TlsState = 'none' | 'required' | 'established';

/** The session, the wish to go on with TLS, or the client's goodbye. */
export type Outcome = Session | 'tls' | 'aborted';

/** Exchanges the first words; true when the client wants no zeroes after NBD_OPT_EXPORT_NAME. */
export async function greet(channel: Channel): Promise<boolean> {
  await channel.send(greeting());
  const flags = (await channel.reader.read(4)).readUInt32BE();
  const { fixedNewstyle, noZeroes } = handshakeFlag;
  if ((flags & ~(fixedNewstyle | noZeroes)) !== 0) throw new ProtocolError('unknown client flags');
  return (flags & noZeroes) !== 0;
}

/** Option haggling. After TLS was established nothing that was agreed on before counts: it is a new one. */
export class Haggling {
  readonly #channel: Channel;
  readonly #exported: Export;
  readonly #tls: TlsState;
  readonly #noZeroes: boolean;
  #structured = false;
  /** The export for which the client selected `base:allocation`. */
  #selected: Buffer | null = null;

  constructor(channel: Channel, exported: Export, tls: TlsState, noZeroes: boolean) {
    this.#channel = channel;
    this.#exported = exported;
    this.#tls = tls;
    this.#noZeroes = noZeroes;
  }

  async finish(): Promise<Outcome> {
    for (;;) {
      const outcome = await this.#next();
      if (outcome !== null) return outcome;
    }
  }

  /** Answers the next option; null when haggling goes on. */
  async #next(): Promise<Outcome | null> {
    const { reader } = this.#channel;
    const header = await reader.read(16);
    if (header.readBigUInt64BE(0) !== magic.option) throw new ProtocolError('wrong option magic');
    const type = header.readUInt32BE(8);
    const length = header.readUInt32BE(12);
    const refusal = this.#refusalOf(type, length);
    if (refusal === null) return this.#answer(type, await reader.read(length));
    // This option knows no error reply, and there is a limit to how much we wade through.
    if (type === option.exportName || length > limits.payload) throw new ProtocolError(refusal.text);
    await reader.skip(length);
    return this.#reply(type, refusal.reply, refusal.text);
  }

  #refusalOf(type: number, length: number): { readonly reply: number; readonly text: string } | null {
    if (this.#tls === 'required' && type !== option.startTls && type !== option.abort) {
      return { reply: optionReply.errTlsReqd, text: 'this server wants TLS first' };
    }
    if (!knownOptions.has(type)) return { reply: optionReply.errUnsup, text: 'this server does not know the option' };
    if (length > limits.optionData) return { reply: optionReply.errTooBig, text: 'the option is too long' };
    return null;
  }

  async #answer(type: number, data: Buffer): Promise<Outcome | null> {
    try {
      switch (type) {
        case option.exportName:
          return await this.#exportName(data);
        case option.abort:
          await this.#reply(type, optionReply.ack);
          return 'aborted';
        case option.list:
          return await this.#list(data);
        case option.startTls:
          return await this.#startTls(data);
        case option.info:
        case option.go:
          return await this.#go(type, data);
        case option.structuredReply:
          decodeNothing(data);
          this.#structured = true;
          return await this.#reply(type, optionReply.ack);
        default:
          return await this.#metaContext(type, data);
      }
    } catch (error) {
      if (error instanceof InvalidOption) return this.#reply(type, optionReply.errInvalid, error.message);
      throw error;
    }
  }

  async #exportName(name: Buffer): Promise<Outcome> {
    if (!this.#knows(name)) throw new ProtocolError('no such export');
    const data = exportData(this.#exported, this.#structured);
    await this.#channel.send(this.#noZeroes ? [data] : [data, Buffer.alloc(124)]);
    return this.#session(name);
  }

  async #list(data: Buffer): Promise<null> {
    decodeNothing(data);
    await this.#reply(option.list, optionReply.server, serverData(this.#exported));
    return this.#reply(option.list, optionReply.ack);
  }

  async #startTls(data: Buffer): Promise<Outcome | null> {
    decodeNothing(data);
    if (this.#tls === 'established') throw new InvalidOption('the connection is secure already');
    if (this.#tls === 'none') return this.#reply(option.startTls, optionReply.errPolicy, 'this server has no TLS');
    await this.#reply(option.startTls, optionReply.ack);
    return 'tls';
  }

  async #go(type: number, data: Buffer): Promise<Outcome | null> {
    const { name, wanted } = decodeInfoRequest(data);
    if (!this.#knows(name)) return this.#reply(type, optionReply.errUnknown, 'no such export');
    for (const item of infoData(this.#exported, this.#structured, wanted)) {
      await this.#reply(type, optionReply.info, item);
    }
    await this.#reply(type, optionReply.ack);
    return type === option.go ? this.#session(name) : null;
  }

  /** "Metadata querying": a list understands the wildcard `base:`, and no query at all as everything. */
  async #metaContext(type: number, data: Buffer): Promise<null> {
    const setting = type === option.setMetaContext;
    if (setting) this.#selected = null;
    if (!this.#structured) throw new InvalidOption('structured replies come first');
    const { name, queries } = decodeContextRequest(data);
    if (!this.#knows(name)) return this.#reply(type, optionReply.errUnknown, 'no such export');
    const wildcard = !setting && (queries.length === 0 || queries.includes('base:'));
    if (wildcard || queries.includes(allocationContext.name)) {
      if (setting) this.#selected = Buffer.from(name);
      await this.#reply(type, optionReply.metaContext, contextData(setting ? allocationContext.id : 0));
    }
    return this.#reply(type, optionReply.ack);
  }

  #knows(name: Buffer): boolean {
    return name.length === 0 || name.equals(Buffer.from(this.#exported.name));
  }

  #session(name: Buffer): Session {
    return { structured: this.#structured, allocation: this.#selected?.equals(name) ?? false };
  }

  async #reply(type: number, reply: number, data: Buffer | string = ''): Promise<null> {
    await this.#channel.send(optionMessage(type, reply, data));
    return null;
  }
}

const knownOptions: ReadonlySet<number> = new Set(Object.values(option));
