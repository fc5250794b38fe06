import { fromNative } from '../errors.ts';
import type { Content, Stream } from '../native/images.ts';
import { native } from '../native.ts';
import type { BlockTarget, Run } from './nbd/block-target.ts';

/** A content as an NBD server serves it. */
export class ContentTarget implements BlockTarget {
  readonly size: number;
  readonly readOnly: boolean;
  readonly #content: Content;
  readonly #name: string;
  /** All clients share it: those that copy a disk together go through it together. */
  readonly #stream: Stream = native.openStream();

  /** `name` is for messages. */
  constructor(content: Content, name: string, readOnly: boolean) {
    this.size = native.contentSize(content);
    this.readOnly = readOnly;
    this.#content = content;
    this.#name = name;
  }

  read(offset: number, length: number, into: Buffer): Promise<Buffer> {
    return this.#translated(native.readAt(this.#content, { offset, length }, this.#stream, into));
  }

  async extents(offset: number, length: number, limit: number): Promise<readonly Run[]> {
    const runs = await this.#translated(native.contentRuns(this.#content, { offset, length, most: limit }));
    return Array.from(runs, (run) => ({ length: Math.abs(run), kind: run > 0 ? 'data' : 'zeros' }));
  }

  write(offset: number, bytes: Buffer): Promise<void> {
    return this.#translated(native.writeAt(this.#content, { offset }, bytes));
  }

  zero(offset: number, length: number): Promise<void> {
    return this.#translated(native.zeroAt(this.#content, { offset, length }));
  }

  flush(): Promise<void> {
    return this.#translated(native.flush(this.#content));
  }

  async #translated<Result>(action: Promise<Result>): Promise<Result> {
    try {
      return await action;
    } catch (error) {
      throw fromNative(error, this.#name);
    }
  }
}
