/** So many at once, in the order in which they came; fewer for a while when the other side, or the line, asks for it. */
export class Turns {
  readonly #most: number;
  readonly #slow: number;
  #allowed: number;
  #taken = 0;
  readonly #waiting: (() => void)[] = [];
  /** How often fewer were asked for. */
  #asked = 0;

  /** `first`: at once in the beginning; `slow`: milliseconds, and work that takes as long asks for fewer. */
  constructor(most: number, { first = most, slow = Number.POSITIVE_INFINITY } = {}) {
    this.#most = most;
    this.#allowed = first;
    this.#slow = slow;
  }

  /** Halves how many there may be at once; each that ends well brings back a part of it. */
  fewer(): void {
    this.#asked += 1;
    this.#allowed = Math.max(1, this.#allowed / 2);
  }

  async take<Result>(work: () => Promise<Result>): Promise<Result> {
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve);
      this.#admit();
    });
    const before = this.#asked;
    const started = performance.now();
    try {
      const result = await work();
      if (performance.now() - started >= this.#slow) this.fewer();
      const more = this.#asked === 0 ? 1 : 1 / this.#allowed;
      if (this.#asked === before) this.#allowed = Math.min(this.#most, this.#allowed + more);
      return result;
    } finally {
      this.#taken -= 1;
      this.#admit();
    }
  }

  #admit(): void {
    while (this.#taken < Math.floor(this.#allowed)) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#taken += 1;
      next();
    }
  }
}
