/** Puts a layout together, one segment after the other; neighbours that can be one segment become one. */
import type { Layout, Segment } from './segment.ts';

/** Zeros of a table are left out by pages of this size: a segment costs more memory than a shorter run of zeros. */
const pageSize = 4096;
const zeroPage = Buffer.alloc(pageSize);

export class LayoutBuilder {
  readonly #segments: Segment[] = [];
  #size = 0;

  /** Where the next segment begins. */
  get size(): number {
    return this.#size;
  }

  /** `bytes` belong to the layout from now on. */
  literal(bytes: Uint8Array): void {
    if (bytes.length > 0) this.#segments.push({ kind: 'literal', bytes });
    this.#size += bytes.length;
  }

  /** Bytes of which long runs may be zero: copied, their zero pages left out. */
  table(bytes: Uint8Array): void {
    let start = 0;
    for (let at = 0; at < bytes.length; at += pageSize) {
      const page = bytes.subarray(at, at + pageSize);
      if (Buffer.compare(page, zeroPage.subarray(0, page.length)) !== 0) continue;
      this.literal(new Uint8Array(bytes.subarray(start, at)));
      this.zeros(page.length);
      start = at + page.length;
    }
    this.literal(new Uint8Array(bytes.subarray(start)));
  }

  /** A range of the disk. */
  disk(offset: number, length: number): void {
    const last = this.#segments.at(-1);
    if (last?.kind === 'disk' && last.offset + last.length === offset) {
      this.#segments[this.#segments.length - 1] = { kind: 'disk', offset: last.offset, length: last.length + length };
    } else if (length > 0) {
      this.#segments.push({ kind: 'disk', offset, length });
    }
    this.#size += length;
  }

  zeros(length: number): void {
    const last = this.#segments.at(-1);
    if (last?.kind === 'zeros') {
      this.#segments[this.#segments.length - 1] = { kind: 'zeros', length: last.length + length };
    } else if (length > 0) {
      this.#segments.push({ kind: 'zeros', length });
    }
    this.#size += length;
  }

  /** Zeros up to a place in the image. */
  zerosTo(place: number): void {
    this.zeros(place - this.#size);
  }

  finish(): Layout {
    return { size: this.#size, segments: this.#segments };
  }
}
