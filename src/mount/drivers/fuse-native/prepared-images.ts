/** The images that a mount has open, and who waits for one: what native/fuse/images.h is to the addon's session. */
import { constants } from 'node:os';
import type { Content } from '../../../native/images.ts';
import { native } from '../../../native.ts';
import { Refusal } from './refusal.ts';

/** Images kept open when nobody reads them. */
const keptOpen = 64;

export class PreparedImages {
  readonly #ask: (image: number) => void;
  readonly #most: number;
  /** The one used last is last. */
  readonly #kept = new Map<number, Content>();
  /** They stay known when an image is let go. */
  readonly #sizes = new Map<number, number>();
  readonly #asked = new Map<number, PromiseWithResolvers<Content | null>>();
  #waiting = 0;
  #ended = false;

  /**
   * `ask` is called when an image or a folder is needed; `provide` or `refuse` must answer. Writable images are all kept:
   * each is one with its overlay.
   */
  constructor(ask: (image: number) => void, writable: boolean) {
    this.#ask = ask;
    this.#most = writable ? Number.POSITIVE_INFINITY : keptOpen;
  }

  get kept(): number {
    return this.#kept.size;
  }

  get waiting(): number {
    return this.#waiting;
  }

  /** Waits for an image; throws a Refusal when there is none. Null when it was refused with 0. */
  async get(image: number): Promise<Content | null> {
    if (this.#ended) throw new Refusal(constants.errno.EIO);
    const known = this.#kept.get(image);
    if (known !== undefined) {
      this.#keep(image, known);
      return known;
    }
    this.#waiting++;
    try {
      return await this.#answerTo(image);
    } finally {
      this.#waiting--;
    }
  }

  /** The size of an image. */
  async size(image: number): Promise<number> {
    const known = this.#sizes.get(image);
    if (known !== undefined) return known;
    const content = await this.get(image);
    if (content === null) throw new Refusal(constants.errno.EIO); // it is none that has a size
    return native.contentSize(content);
  }

  provide(image: number, content: Content): void {
    this.#sizes.set(image, native.contentSize(content));
    this.#keep(image, content);
    this.#take(image)?.resolve(content);
  }

  refuse(image: number, errno: number): void {
    const asked = this.#take(image);
    if (errno === 0) asked?.resolve(null);
    else asked?.reject(new Refusal(errno));
  }

  /** Lets go of an image; false when somebody waits for it. */
  release(image: number): boolean {
    if (this.#asked.has(image)) return false;
    this.#kept.delete(image);
    return true;
  }

  /** Nobody waits any longer: EIO for all. */
  end(): void {
    this.#ended = true;
    for (const image of [...this.#asked.keys()]) this.refuse(image, constants.errno.EIO);
  }

  #answerTo(image: number): Promise<Content | null> {
    const asked = this.#asked.get(image);
    if (asked !== undefined) return asked.promise;
    const answer = Promise.withResolvers<Content | null>();
    this.#asked.set(image, answer);
    try {
      this.#ask(image);
    } catch {
      this.refuse(image, constants.errno.EIO);
    }
    return answer.promise;
  }

  #take(image: number): PromiseWithResolvers<Content | null> | undefined {
    const asked = this.#asked.get(image);
    this.#asked.delete(image);
    return asked;
  }

  /** Lets the longest unused go, when there are too many; who has it open keeps it until he closes it. */
  #keep(image: number, content: Content): void {
    this.#kept.delete(image);
    this.#kept.set(image, content);
    for (const unused of this.#kept.keys()) {
      if (this.#kept.size <= this.#most) return;
      this.#kept.delete(unused);
    }
  }
}
