/** A clock that is moved by hand: time goes on only when the test says so, and the wall clock can be set. */
import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../../../../src/jobs/schedule/scheduler.ts';

interface Waiter {
  readonly until: number;
  readonly resolve: () => void;
}

export class HandClock implements Clock {
  /** Milliseconds of real time. */
  #real = 0;
  /** What the wall clock shows more than that. */
  #shown: number;
  readonly #waiters = new Set<Waiter>();
  #news = Promise.withResolvers<void>();
  /** Runs that go on by themselves: time stands still for them. */
  #busy = 0;

  constructor(time: string) {
    this.#shown = Date.parse(time);
  }

  readonly now = (): number => this.#shown + this.#real;

  readonly wait = (milliseconds: number, signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      const waiter = { until: this.#real + milliseconds, resolve };
      const done = () => {
        this.#waiters.delete(waiter);
        resolve();
      };
      if (signal.aborted) return done();
      signal.addEventListener('abort', done, { once: true });
      this.#waiters.add(waiter);
      this.#tell();
    });

  /** Sets the wall clock. */
  set(time: string): void {
    this.#shown = Date.parse(time) - this.#real;
  }

  /** Does something that takes no time. */
  async during<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#busy++;
    try {
      return await work();
    } finally {
      this.#busy--;
      this.#tell();
    }
  }

  /** Lets so many minutes pass, and wakes who waits in order, each when the one before has come to rest. */
  async advance(minutes: number): Promise<void> {
    const target = this.#real + minutes * 60_000;
    for (;;) {
      while (this.#waiters.size === 0 || this.#busy > 0) await this.#news.promise;
      await filesAtRest();
      const [first] = [...this.#waiters].sort((a, b) => a.until - b.until);
      if (first === undefined || this.#busy > 0) continue;
      if (first.until > target) break;
      this.#real = Math.max(this.#real, first.until);
      this.#waiters.delete(first);
      first.resolve();
    }
    this.#real = target;
  }

  #tell(): void {
    this.#news.resolve();
    this.#news = Promise.withResolvers();
  }
}

/** Until nothing of this process waits for a file: what it was told by the last step it has done then. */
async function filesAtRest(): Promise<void> {
  for (let quiet = 0; quiet < 2; quiet++) {
    await setImmediate();
    if (process.getActiveResourcesInfo().some((name) => /^(FS|CloseReq)/.test(name))) quiet = 0;
  }
}
