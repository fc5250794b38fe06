/** So many at once, in the order in which they came; fewer for a while when the other side asks for it. */
export class Turns {
  readonly #most: number;
  #allowed: number;
  #taken = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(most: number) {
    this.#most = most;
    this.#allowed = most;
  }

  /** Halves how many there may be at once; each that ends well brings back a part of it. */
  fewer(): void {
    this.#allowed = Math.max(1, this.#allowed / 2);
  }

  async take<Result>(work: () => Promise<Result>): Promise<Result> {
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve);
      this.#admit();
    });
    try {
      const result = await work();
      this.#allowed = Math.min(this.#most, this.#allowed + 1 / this.#allowed);
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
