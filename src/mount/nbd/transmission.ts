/** The transmission phase of one connection: requests are served all at once, and answered as they end. */
import { type Channel, type Message, ProtocolError } from './channel.ts';
import { command, type Errno, errno, limits, requestBytes } from './constants.ts';
import type { NbdCounters } from './events.ts';
import { perform, type RequestFailed, type Workplace } from './perform.ts';
import { errorChunk, simpleReply } from './replies.ts';
import { costOf, decodeRequest, type Request, refusalOf } from './request.ts';
import { Window } from './window.ts';

/** Hears what the target could not do. */
export type OnFailure = (offset: number, length: number, error: unknown) => void;

/** For the client's humans. What exactly went wrong, and in which file, is not their business. */
const texts: Readonly<Record<Errno, string>> = {
  [errno.none]: '',
  [errno.EPERM]: 'not permitted: the export is read-only',
  [errno.EIO]: 'the export cannot be read or written here',
  [errno.ENOMEM]: 'out of memory',
  [errno.EINVAL]: 'not a valid request, or past the end of the export',
  [errno.ENOSPC]: 'no space left, or past the end of the export',
  [errno.EOVERFLOW]: 'the request is too long',
  [errno.ENOTSUP]: 'this would not be fast',
};

export class Transmission {
  readonly #channel: Channel;
  readonly #at: Workplace;
  readonly #counters: NbdCounters;
  readonly #onFailure: OnFailure;
  readonly #window = new Window(limits.inFlight);

  constructor(
    channel: Channel,
    at: Workplace,
    observer: { readonly counters: NbdCounters; readonly onFailure: OnFailure },
  ) {
    this.#channel = channel;
    this.#at = at;
    this.#counters = observer.counters;
    this.#onFailure = observer.onFailure;
  }

  /** Takes requests until the client says goodbye; rejects when it leaves without a word, or breaks the protocol. */
  async run(): Promise<void> {
    for (;;) {
      const request = decodeRequest(await this.#channel.reader.read(requestBytes));
      if (request.type === command.disc) return;
      await this.#accept(request);
    }
  }

  /** Waits until no request is in flight any more. */
  settled(): Promise<void> {
    return this.#window.empty();
  }

  /** Begins to serve a request when there is room for it: until then nothing more is read from the client. */
  async #accept(request: Request): Promise<void> {
    const refusal = refusalOf(request, this.#at.target, this.#at.session);
    const cost = refusal === errno.none ? costOf(request) : limits.request;
    await this.#window.take(cost);
    this.#counters.requests += 1;
    this.#counters.inFlight += 1;
    this.#counters.bytesInFlight += cost;
    const done = () => {
      this.#counters.inFlight -= 1;
      this.#counters.bytesInFlight -= cost;
      this.#window.give(cost);
    };
    try {
      const payload = await this.#payload(request, refusal);
      void this.#serve(request, refusal, payload).then(done);
    } catch (error) {
      done();
      throw error;
    }
  }

  async #payload({ type, length }: Request, refusal: Errno): Promise<Buffer | null> {
    if (type !== command.write) return null;
    // Nobody has to take in more than was announced ("Size constraints").
    if (length > limits.payload) throw new ProtocolError('the payload of a write is too long');
    if (refusal === errno.none) return this.#channel.reader.read(length);
    await this.#channel.reader.skip(length);
    return null;
  }

  /** Serves one request to the end: its reply has left, or the connection is gone. Never rejects. */
  async #serve(request: Request, refusal: Errno, payload: Buffer | null): Promise<void> {
    const reply = refusal === errno.none ? await this.#perform(request, payload) : this.#error(request, refusal);
    await this.#channel.send(reply);
    for (const part of reply) this.#at.buffers.give(part);
  }

  async #perform(request: Request, payload: Buffer | null): Promise<Message> {
    try {
      const reply = await perform(request, payload, this.#at);
      if (request.type === command.read) this.#counters.bytesRead += request.length;
      if (request.type === command.write) this.#counters.bytesWritten += request.length;
      return reply;
    } catch (error) {
      const failure = error as RequestFailed;
      if (failure.cause !== undefined) this.#onFailure(failure.offset, request.length, failure.cause);
      return this.#error(request, failure.errno, failure.offset);
    }
  }

  /** A read has no simple error once replies are structured; elsewhere the structure brings the text along. */
  #error({ cookie }: Request, error: Errno, offset?: number): Message {
    this.#counters.errors += 1;
    if (!this.#at.session.structured) return simpleReply(cookie, error);
    return errorChunk(cookie, true, error, texts[error], offset);
  }
}
