/**
 * Buffers for what is read, used again and again: new ones of this size would have the system clear memory, and the
 * garbage collector run, as often as gigabytes go by.
 */

/** Smaller ones are made quickly, and are too many to keep. */
const smallest = 64 * 1024;

export class BufferPool {
  readonly #limit: number;
  /** Those that wait to be used again, the ones given back last at the end. */
  #idle: Buffer[] = [];
  #idleBytes = 0;
  readonly #lent = new WeakSet<Uint8Array>();

  /** Keeps at most `limit` bytes. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** A buffer with whatever is in it. Who does not give it back does no harm. */
  take(length: number): Buffer {
    if (length < smallest) return Buffer.allocUnsafe(length);
    const index = this.#idle.findLastIndex((buffer) => buffer.length === length);
    const buffer = index < 0 ? Buffer.allocUnsafeSlow(length) : this.#remove(index);
    this.#lent.add(buffer);
    return buffer;
  }

  /** Takes a buffer back that nobody looks at any more; what never was one of ours is left alone. */
  give(buffer: Uint8Array): void {
    if (!this.#lent.delete(buffer)) return;
    this.#idle.push(buffer as Buffer);
    this.#idleBytes += buffer.length;
    while (this.#idleBytes > this.#limit) this.#remove(0);
  }

  clear(): void {
    this.#idle = [];
    this.#idleBytes = 0;
  }

  #remove(index: number): Buffer {
    const [buffer] = this.#idle.splice(index, 1) as [Buffer];
    this.#idleBytes -= buffer.length;
    return buffer;
  }
}
