/** Ranges of packs as they are kept on the local disk; what is not kept comes from the store, and is kept from then on. */
import type { FetchedRange, RangeSource } from './fetching.ts';
import type { RangeCache } from './range-cache.ts';
import type { FromCache } from './traffic.ts';

/** Where the objects lie. */
export interface FarObjects {
  /** A part of an object, shorter when it ends before; OBJECT_MISSING. */
  range(name: string, offset: number, length: number): Promise<Buffer>;
  /** OBJECT_MISSING when there is none. */
  size(name: string): Promise<number>;
}

export class KeptRanges implements RangeSource {
  readonly #far: FarObjects;
  /** Null: nothing is kept, and nothing that was is used. */
  readonly #cache: RangeCache | null;
  readonly #keeps: boolean;
  #requests = 0;
  #bytes = 0;

  /** `keeps`: more is kept; else only what is kept already is used. */
  constructor(far: FarObjects, cache: RangeCache | null, keeps = true) {
    this.#far = far;
    this.#cache = cache;
    this.#keeps = keeps;
  }

  get traffic(): FromCache {
    return { requests: this.#requests, bytes: this.#bytes };
  }

  size(name: string): Promise<number> {
    return this.#far.size(name);
  }

  /** Whole chunks, the last one shorter where the object ends. `fresh`: not what was kept before. */
  async range(name: string, offset: number, length: number, fresh: boolean): Promise<FetchedRange> {
    if (fresh || this.#cache === null) return { bytes: await this.#fetch(name, offset, length), copied: false };
    const whole = Buffer.allocUnsafe(length);
    const { gaps, end } = await this.#cache.fill(name, offset, whole);
    const missing = gaps.reduce((sum, { from, until }) => sum + until - from, 0);
    if (missing === length) return { bytes: await this.#fetch(name, offset, length), copied: false };
    const ends = await Promise.all(
      gaps.map(async ({ from, until }) => {
        const bytes = await this.#fetch(name, offset + from, until - from);
        bytes.copy(whole, from);
        return from + bytes.length;
      }),
    );
    const bytes = whole.subarray(0, end ?? ends.at(-1));
    if (gaps.length === 0) this.#requests += 1;
    this.#bytes += bytes.length - Math.min(missing, bytes.length);
    return { bytes, copied: true };
  }

  async #fetch(name: string, offset: number, length: number): Promise<Buffer> {
    const bytes = await this.#far.range(name, offset, length);
    if (this.#keeps) this.#cache?.keep(name, offset, bytes);
    return bytes;
  }
}
