/** What an NBD server serves: a disk of bytes that are read, and perhaps written, anywhere and many at a time. */

export interface Run {
  readonly length: number;
  readonly kind: 'data' | 'zeros';
}

/** Every range lies within the size and is not empty. All methods may be called again before they have ended. */
export interface BlockTarget {
  /** Bytes. */
  readonly size: number;
  readonly readOnly: boolean;

  /**
   * Gives exactly `length` bytes: best in `into`, which is as long and free to be filled, else in a buffer that is the
   * caller's then. Rejects with a StrataError; the client gets EIO.
   */
  read(offset: number, length: number, into: Buffer): Promise<Buffer>;

  /**
   * The runs of a range, ascending and without gaps, the first one from `offset` on: at most `limit`, so they may end
   * before the range does. Clients ask for ranges of gigabytes and take the first run only.
   */
  extents(offset: number, length: number, limit: number): Promise<readonly Run[]>;

  /** Only for one that is not read-only, as the methods below. `bytes` stay unchanged until this has ended. */
  write(offset: number, bytes: Buffer): Promise<void>;

  /** Makes a range read as zeros, and gives its space back if it can: never slower than writing it. */
  zero(offset: number, length: number): Promise<void>;

  /** Makes durable whatever ended before, whichever connection it came from. */
  flush(): Promise<void>;
}
