/**
 * Trying again, with full jitter: after the n-th failure a random time up to a limit that doubles. How long is set by a
 * budget of time without any success: as soon as something works again, it is whole again. Before anything has worked it is short,
 * for then it is more likely that the address is wrong than that the network is.
 */
import { setTimeout as wait } from 'node:timers/promises';

/** Milliseconds. */
export interface Budget {
  readonly firstWait: number;
  readonly longestWait: number;
  /** Without a success, before anything has succeeded. */
  readonly untilFirst: number;
  /** Without a success, later. */
  readonly later: number;
}

export const usualBudget: Budget = { firstWait: 100, longestWait: 20_000, untilFirst: 5_000, later: 900_000 };

export class Patience {
  readonly #budget: Budget;
  /** When something last worked; null: nothing has yet. */
  #worked: number | null = null;
  readonly #begun = Date.now();
  retries = 0;

  constructor(budget: Budget = usualBudget) {
    this.#budget = budget;
  }

  /** Does `work` until it succeeds, fails for good, or the budget is used up; throws the last failure. */
  async keep<Result>(
    work: (attempt: number) => Promise<Result>,
    isPassing: (error: unknown) => boolean,
    signal: AbortSignal | undefined,
  ): Promise<Result> {
    const started = Date.now();
    for (let attempt = 0; ; attempt++) {
      try {
        signal?.throwIfAborted();
        const result = await work(attempt);
        this.#worked = Date.now();
        return result;
      } catch (error) {
        if (signal?.aborted || !isPassing(error) || this.#isUsedUp(started)) throw error;
        this.retries += 1;
        const limit = Math.min(this.#budget.longestWait, this.#budget.firstWait * 2 ** attempt);
        await wait(Math.random() * limit, undefined, signal ? { signal } : {});
      }
    }
  }

  #isUsedUp(started: number): boolean {
    const { untilFirst, later } = this.#budget;
    if (this.#worked === null) return Date.now() - this.#begun > untilFirst;
    return Date.now() - Math.max(this.#worked, started) > later;
  }
}
