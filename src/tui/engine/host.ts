/**
 * The engine: does what is asked of it, several things at once, until the one who asks is gone. Then what is at work is
 * stopped as by Ctrl-C, drives of the file browser are detached, and it ends.
 */
import { fail } from '../../errors.ts';
import { newKeyring, type RepositoryAccess } from '../../jobs/access.ts';
import { describeFailure, type JobEvent } from '../../jobs/job.ts';
import { type CallName, type Context, calls } from './calls.ts';
import { Drives } from './drives.ts';
import type { FromEngine, Place, ToEngine } from './protocol.ts';

/** Milliseconds between two reports of progress of one job: more often nobody can read them. */
const progressEvery = 250;

class Host {
  readonly #drives = new Drives();
  readonly #gone = Promise.withResolvers<void>();
  readonly #running = new Map<number, { readonly stop: AbortController; readonly ended: Promise<void> }>();
  #access: RepositoryAccess | undefined;
  #answer: PromiseWithResolvers<string> | undefined;

  hear(message: ToEngine): void {
    switch (message.do) {
      case 'open':
        this.#access = this.#accessTo(message.place);
        break;
      case 'call':
        this.#start(message);
        break;
      case 'cancel':
        this.#running.get(message.id)?.stop.abort(fail('INTERRUPTED', { action: 'the job' }));
        break;
      case 'answer':
        this.#hearAnswer(message.passphrase);
        break;
      case 'end':
        this.#gone.resolve();
        break;
    }
  }

  /** Nobody is left to work for. */
  readonly leave = (): void => this.#gone.resolve();

  /** Waits for that, then ends all that is at work. */
  async serve(): Promise<void> {
    await this.#gone.promise;
    const running = [...this.#running.values()];
    for (const { stop } of running) stop.abort(fail('INTERRUPTED', { action: 'the job' }));
    await Promise.all(running.map(({ ended }) => ended));
    await this.#drives.close().catch(() => undefined); // `strata mounts` shows it then
  }

  #start({ id, name, request }: Extract<ToEngine, { do: 'call' }>): void {
    const stop = new AbortController();
    const ended = this.#run(id, name as CallName, request, stop.signal).finally(() => this.#running.delete(id));
    this.#running.set(id, { stop, ended });
  }

  async #run(id: number, name: CallName, request: unknown, signal: AbortSignal): Promise<void> {
    try {
      if (this.#access === undefined) throw fail('USAGE', { problem: 'no repository was named' });
      const context: Context = {
        access: this.#access,
        drives: this.#drives,
        job: { report: paced((event) => tell({ tell: 'event', id, event })), signal },
        learn: (passphrase) => this.#learn(passphrase),
        send: (part) => tell({ tell: 'part', id, part }),
      };
      const call = calls[name] as (context: Context, request: unknown) => Promise<unknown>;
      tell({ tell: 'result', id, result: await call(context, request) });
    } catch (error) {
      const failure = describeFailure(error);
      if (failure.code === 'WRONG_PASSPHRASE') this.#answer = undefined;
      tell({ tell: 'failure', id, failure });
    }
  }

  #accessTo({ location, storage, passphraseGiven }: Place): RepositoryAccess {
    this.#answer = undefined;
    return { location, storage, passphraseGiven, passphrase: () => this.#ask(), keyring: newKeyring() };
  }

  /** Asks once for all who want to know. The answer is kept in memory only. */
  #ask(): Promise<string> {
    if (this.#answer === undefined) {
      this.#answer = Promise.withResolvers();
      tell({ tell: 'ask' });
    }
    return this.#answer.promise;
  }

  #learn(passphrase: string) {
    this.#answer = Promise.withResolvers();
    this.#answer.resolve(passphrase);
  }

  #hearAnswer(passphrase: string | null) {
    if (passphrase !== null) {
      // It may come before anybody wants to know.
      this.#answer ??= Promise.withResolvers();
      return this.#answer.resolve(passphrase);
    }
    const waiting = this.#answer;
    this.#answer = undefined;
    waiting?.reject(fail('PASSPHRASE_NEEDED', {}));
  }
}

/** Serves until the channel is closed. */
export async function serveEngine(): Promise<void> {
  if (process.send === undefined) throw fail('USAGE', { problem: 'this is what strata tui starts, not a command' });
  const host = new Host();
  // Ctrl-C and Ctrl-Z on the terminal are for the one who draws.
  for (const signal of ['SIGINT', 'SIGTSTP', 'SIGHUP'] as const) process.on(signal, () => undefined);
  process.on('message', (message) => host.hear(message as ToEngine));
  process.on('disconnect', host.leave);
  process.on('SIGTERM', host.leave);
  // What the first call needs, while the other process finds out what that is.
  import('../../jobs/points.ts').catch(() => undefined); // the call itself fails then
  await host.serve();
  if (process.connected) process.disconnect();
}

/** Passes events on, of progress only as many as can be read. */
function paced(report: (event: JobEvent) => void): (event: JobEvent) => void {
  let last = Number.NEGATIVE_INFINITY;
  return (event) => {
    if (event.event === 'progress') {
      const now = performance.now();
      if (now - last < progressEvery) return;
      last = now;
    }
    if (event.event !== 'result') report(event);
  };
}

function tell(message: FromEngine): void {
  // A channel that is closed has nobody to hear it: `disconnect` ends all.
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
}
