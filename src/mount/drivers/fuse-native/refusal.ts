/** What the kernel is answered instead of what it asked for: an errno. */
export class Refusal extends Error {
  /** Positive. */
  readonly errno: number;

  constructor(errno: number) {
    super(`errno ${errno}`);
    this.errno = errno;
  }
}
