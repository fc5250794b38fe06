/** Requests to one bucket: each in its turn, tried again where that may help, counted, and refusals in the words of the error table. */
import type { S3Client } from '@aws-sdk/client-s3';
import { Turns } from '../turns.ts';
import type { Connection } from './connect.ts';
import { describeRefusal, isOverload, isPassing } from './failure.ts';
import { Patience } from './patience.ts';

const requestsAtOnce = 32;

export interface RequestsOptions extends Connection {
  readonly name: string;
  /** For messages. */
  readonly endpoint: string;
  readonly patience?: Patience;
}

/** What ends a request that is under way; not one that ends a run, such as the release of a lease. */
export type Signal = AbortSignal | undefined;

export interface SendOptions {
  readonly abortSignal?: AbortSignal;
}

interface RequestOptions {
  readonly mayPass?: (error: unknown) => boolean;
  readonly signal?: Signal;
  /** What a policy has to allow, when the name of the request does not tell. */
  readonly permission?: string | undefined;
}

export class Requests {
  /** The bucket's. */
  readonly name: string;
  readonly endpoint: string;
  readonly client: S3Client;
  readonly #patience: Patience;
  readonly #turns = new Turns(requestsAtOnce);
  readonly #counts = new Map<string, number>();

  constructor({ client, name, endpoint, patience = new Patience() }: RequestsOptions) {
    this.client = client;
    this.name = name;
    this.endpoint = endpoint;
    this.#patience = patience;
  }

  get counts(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts);
  }

  get retries(): number {
    return this.#patience.retries;
  }

  /** What it throws in the end has the server's answer as its cause. */
  async send<Answer>(
    verb: string,
    key: string,
    send: (options: SendOptions) => Promise<Answer>,
    { mayPass = isPassing, signal, permission }: RequestOptions = {},
  ): Promise<Answer> {
    try {
      return await this.#patience.keep(
        () =>
          this.#turns.take(async () => {
            this.#counts.set(verb, (this.#counts.get(verb) ?? 0) + 1);
            try {
              return await send(signal ? { abortSignal: signal } : {});
            } catch (error) {
              if (isOverload(error)) this.#turns.fewer();
              throw error;
            }
          }),
        mayPass,
        signal,
      );
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      throw describeRefusal(error, { verb, bucket: this.name, key, endpoint: this.endpoint, permission });
    }
  }
}
