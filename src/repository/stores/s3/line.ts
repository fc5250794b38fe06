/**
 * The line to a bucket: contents go over it in their turn, as many at once as it bears, and are counted.
 *
 * On a line that is slow one after the other arrives sooner, and less is lost when it breaks: so there are few at first, and fewer whenever
 * one takes long.
 */
import { Turns } from '../turns.ts';
import type { SendOptions } from './requests.ts';

const sendingAtOnce = { most: 16, first: 1 };
const receivingAtOnce = { most: 32, first: 4 };
/** Bytes from which on a body has to take its turn. */
const largeBody = 1024 ** 2;
/** Milliseconds that one may take: longer, and there are fewer at once, and packs are sent in parts. */
export const long = 20_000;

/** As of a connection that broke: there is a better way. */
function tooLong(): Error {
  return Object.assign(new Error('the line is slow'), { name: 'TimeoutError' });
}

export class Line {
  readonly #sending = new Turns(sendingAtOnce.most, { first: sendingAtOnce.first, slow: long });
  readonly #receiving = new Turns(receivingAtOnce.most, { first: receivingAtOnce.first, slow: long });
  /** Bytes a second of the last large body that was sent; null: none was. */
  #sendRate: number | null = null;
  #bytesUp = 0;
  #bytesDown = 0;

  get bytesUp(): number {
    return this.#bytesUp;
  }

  get bytesDown(): number {
    return this.#bytesDown;
  }

  /** Sends a body of so many bytes, for at most so many milliseconds when it is large, and heeds how fast the line is. */
  async send<Answer>(
    bytes: number,
    options: SendOptions,
    most: number | null,
    send: (options: SendOptions) => Promise<Answer>,
  ): Promise<Answer> {
    const answer = await (bytes < largeBody
      ? send(options)
      : this.#sending.take(() => this.#sendLarge(bytes, options, most, send)));
    this.#bytesUp += bytes;
    return answer;
  }

  /** Receives a body; `expected`: its bytes, when they are known. */
  async receive<Answer extends { readonly content: Uint8Array }>(
    expected: number,
    receive: () => Promise<Answer>,
  ): Promise<Answer> {
    const answer = await (expected < largeBody ? receive() : this.#receiving.take(receive));
    this.#bytesDown += answer.content.length;
    return answer;
  }

  async #sendLarge<Answer>(
    bytes: number,
    options: SendOptions,
    most: number | null,
    send: (options: SendOptions) => Promise<Answer>,
  ): Promise<Answer> {
    const slow = this.#sendRate !== null && bytes / this.#sendRate >= long / 1000;
    if (slow && most !== null) throw tooLong();
    const started = performance.now();
    const late = most === null ? null : AbortSignal.timeout(most);
    const signals = [late, options.abortSignal].filter((signal) => signal !== null && signal !== undefined);
    try {
      const answer = await send(signals.length > 0 ? { abortSignal: AbortSignal.any(signals) } : {});
      this.#sendRate = (bytes * 1000) / (performance.now() - started);
      return answer;
    } catch (error) {
      if (!late?.aborted || options.abortSignal?.aborted) throw error;
      this.#sendRate = (bytes * 1000) / long;
      this.#sending.fewer();
      throw tooLong();
    }
  }
}
