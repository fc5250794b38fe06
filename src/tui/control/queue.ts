/** What goes one after the other: jobs that write to the repository, or read all of it, would only be in each other's way. */

export class Queue {
  #last: Promise<unknown> = Promise.resolve();
  #length = 0;

  /** Whether who comes now has to wait. */
  get isBusy(): boolean {
    return this.#length > 0;
  }

  /** Does `work` when all that came before has ended, one way or the other; not at all when it is told before not to. */
  async next<Outcome>(untilThen: AbortSignal, work: () => Promise<Outcome>): Promise<Outcome> {
    this.#length++;
    const stopped = Promise.withResolvers<never>();
    const stop = () => stopped.reject(untilThen.reason);
    untilThen.addEventListener('abort', stop);
    const turn = this.#last.then(() => {
      untilThen.throwIfAborted();
      untilThen.removeEventListener('abort', stop);
      return work();
    });
    this.#last = turn.then(
      () => this.#length--,
      () => this.#length--,
    );
    return Promise.race([turn, stopped.promise]);
  }
}
