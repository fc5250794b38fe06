/** The engine as the process that draws sees it: a child that answers calls, and whose end fails all that wait. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Failure, JobEvent } from '../../jobs/job.ts';
import type { CallName, Request, Result } from './calls.ts';
import type { FromEngine, Place, PointsPart, ToEngine } from './protocol.ts';
import { startEngine } from './start.ts';

export interface Listener {
  /** The repository's passphrase is wanted; `answer` gives it. */
  readonly asked: () => void;
  /** It is gone without having been told to go. */
  readonly lost: (failure: Failure) => void;
}

export interface CallOptions {
  readonly onEvent?: (event: JobEvent) => void;
  /** Hears of pieces of the list of points. */
  readonly onPart?: (part: PointsPart) => void;
}

export interface Call<Outcome> {
  readonly result: Promise<Outcome>;
  cancel(): void;
}

/** What the controller needs of an engine. */
export interface Engine {
  open(place: Place): void;
  call<Name extends CallName>(name: Name, request: Request<Name>, options?: CallOptions): Call<Result<Name>>;
  answer(passphrase: string | null): void;
  /** Ends what is at work and the engine itself. */
  close(): Promise<void>;
}

/** A failure that the engine reported. */
export class CallFailure extends Error {
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.message);
    this.failure = failure;
  }
}

interface Waiting extends CallOptions {
  readonly settle: PromiseWithResolvers<unknown>;
}

export class EngineProcess implements Engine {
  readonly #listener: Listener;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  #last = 0;
  #ending = false;
  #gone: Failure | undefined;

  constructor(listener: Listener) {
    this.#listener = listener;
    this.#child = startEngine();
    this.#child.on('message', (message) => this.#hear(message as FromEngine));
    this.#child.on('error', (error) => this.#end(error.message));
    this.#child.on('exit', (code, signal) => this.#end(`it ended with ${signal ?? code}`));
  }

  open(place: Place): void {
    this.#tell({ do: 'open', place });
  }

  call<Name extends CallName>(name: Name, request: Request<Name>, options: CallOptions = {}): Call<Result<Name>> {
    const id = ++this.#last;
    const settle = Promise.withResolvers<unknown>();
    if (this.#gone !== undefined) settle.reject(new CallFailure(this.#gone));
    else {
      this.#waiting.set(id, { ...options, settle });
      this.#tell({ do: 'call', id, name, request });
    }
    return { result: settle.promise as Promise<Result<Name>>, cancel: () => this.#tell({ do: 'cancel', id }) };
  }

  answer(passphrase: string | null): void {
    this.#tell({ do: 'answer', passphrase });
  }

  async close(): Promise<void> {
    this.#ending = true;
    if (this.#gone !== undefined) return;
    const exit = once(this.#child, 'exit');
    this.#tell({ do: 'end' });
    await exit;
  }

  #tell(message: ToEngine): void {
    if (this.#child.connected) this.#child.send(message, () => undefined); // its exit tells
  }

  #hear(message: FromEngine): void {
    const waiting = 'id' in message ? this.#waiting.get(message.id) : undefined;
    switch (message.tell) {
      case 'ask':
        this.#listener.asked();
        return;
      case 'event':
        waiting?.onEvent?.(message.event);
        return;
      case 'part':
        waiting?.onPart?.(message.part);
        return;
      case 'result':
        waiting?.settle.resolve(message.result);
        break;
      case 'failure':
        waiting?.settle.reject(new CallFailure(message.failure));
        break;
    }
    this.#waiting.delete(message.id);
  }

  #end(reason: string): void {
    if (this.#gone !== undefined) return;
    const failure = {
      code: 'BACKGROUND_ENDED',
      message: `the process that works for this screen is gone: ${reason}`,
      hint: 'R starts it again; what was stored is used',
      exitCode: 1,
    };
    this.#gone = failure;
    for (const { settle } of this.#waiting.values()) settle.reject(new CallFailure(failure));
    this.#waiting.clear();
    if (!this.#ending) this.#listener.lost(failure);
  }
}
