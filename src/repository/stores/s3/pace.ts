/**
 * Limits of bytes a second, over all connections, up and down: bodies go out, and are taken in, a small piece at a time. On the way
 * the server's clock is read.
 */
import { Readable, Transform, type TransformCallback } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import { NodeHttpHandler } from '@smithy/node-http-handler';

const piece = 16 * 1024;

/** Gives out a line of so many bytes a second, to whoever asks first. */
export class Pace {
  readonly #rate: number;
  #free = 0;

  constructor(bytesPerSecond: number) {
    this.#rate = bytesPerSecond;
  }

  async take(bytes: number): Promise<void> {
    const now = Date.now();
    const start = Math.max(this.#free, now);
    this.#free = start + (bytes / this.#rate) * 1000;
    if (start > now) await wait(start - now);
  }
}

type Handled = Parameters<NodeHttpHandler['handle']>;

/** A handler of requests that keeps to limits. What is sent was signed before, so how it is cut up changes nothing. */
export class PacedHandler extends NodeHttpHandler {
  readonly #up: Pace | null;
  readonly #down: Pace | null;
  /** Milliseconds that the server's clock is ahead of ours; null until it has answered. */
  clockAhead: number | null = null;

  constructor(options: ConstructorParameters<typeof NodeHttpHandler>[0], up: Pace | null, down: Pace | null) {
    super(options);
    this.#up = up;
    this.#down = down;
  }

  override async handle(...[request, options]: Handled): ReturnType<NodeHttpHandler['handle']> {
    const { body } = request;
    if (this.#up !== null && body instanceof Uint8Array && body.length > piece) {
      request.body = Readable.from(pieces(body, this.#up), { objectMode: false });
    }
    const answer = await super.handle(request, options);
    const theirs = Date.parse(answer.response.headers.date ?? '');
    if (!Number.isNaN(theirs)) this.clockAhead = theirs - Date.now();
    if (this.#down !== null && answer.response.body instanceof Readable) {
      const { body: received } = answer.response;
      const slowed = new Slowed(this.#down);
      received.on('error', (error) => slowed.destroy(error));
      answer.response.body = received.pipe(slowed);
    }
    return answer;
  }
}

async function* pieces(body: Uint8Array, pace: Pace): AsyncIterable<Uint8Array> {
  for (let at = 0; at < body.length; at += piece) {
    const part = body.subarray(at, at + piece);
    await pace.take(part.length);
    yield part;
  }
}

class Slowed extends Transform {
  readonly #pace: Pace;

  constructor(pace: Pace) {
    super();
    this.#pace = pace;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, callback: TransformCallback): void {
    this.#pace.take(chunk.length).then(() => callback(null, chunk), callback);
  }
}
