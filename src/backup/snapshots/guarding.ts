/** Looks at a snapshot again and again while it is read, so that a run whose snapshot is lost ends soon. */
import { fail, reasonOf } from '../../errors.ts';

const pause = 1000;

/** By the id of the snapshot. */
const guarded = new Map<string, Guarding>();

export class Guarding {
  readonly #lost = new AbortController();
  readonly #look: () => Promise<string | null>;
  #reason: string | null = null;
  #timer: NodeJS.Timeout | undefined;
  #ended = false;

  private constructor(look: () => Promise<string | null>) {
    this.#look = look;
  }

  /** `look` says what is wrong; null: nothing. It is asked at once, for the first time. */
  static async begin(id: string, look: () => Promise<string | null>): Promise<Guarding> {
    const guarding = new Guarding(look);
    guarded.set(id, guarding);
    await guarding.#again();
    return guarding;
  }

  /** Nobody reads that snapshot any more. */
  static end(id: string): void {
    const guarding = guarded.get(id);
    if (guarding === undefined) return;
    guarded.delete(id);
    guarding.#ended = true;
    clearTimeout(guarding.#timer);
  }

  /** Comes when something is wrong. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Looks for the last time: SNAPSHOT_LOST when something is or was wrong. */
  async proven(path: string): Promise<void> {
    this.#reason ??= await this.#look();
    if (this.#reason !== null) throw fail('SNAPSHOT_LOST', { path, reason: this.#reason });
  }

  async #again(): Promise<void> {
    // What cannot be looked at is not known to hold.
    this.#reason = await this.#look().catch(reasonOf);
    if (this.#reason !== null) this.#lost.abort();
    else if (!this.#ended) this.#timer = setTimeout(() => void this.#again(), pause).unref();
  }
}
