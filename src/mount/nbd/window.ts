/** How much one connection has in flight; what does not fit waits. There is one who takes, and many who give back. */
export class Window {
  readonly #limit: number;
  #used = 0;
  #wake: () => void = () => {};

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Waits for room; something larger than the whole window fits when it is empty. */
  async take(amount: number): Promise<void> {
    while (this.#used > 0 && this.#used + amount > this.#limit) await this.#change();
    this.#used += amount;
  }

  give(amount: number): void {
    this.#used -= amount;
    this.#wake();
  }

  /** Waits until everything was given back. */
  async empty(): Promise<void> {
    while (this.#used > 0) await this.#change();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
