/** Looks at a snapshot again and again while it is read, so that a run whose snapshot is lost, or clearly will be, ends soon. */
import { fail, reasonOf, type StrataError } from '../../errors.ts';
import { Filling, type Room } from './filling.ts';
import type { View } from './provider.ts';

const pause = 1000;

/** By the id of the snapshot. */
const guarded = new Map<string, Guarding>();

/** What was seen of a snapshot. */
export interface Seen {
  /** What keeps it from being what it was, or from staying it; null: nothing. */
  readonly trouble: string | StrataError | null;
  /** How full its room is; null when it has none of its own. */
  readonly room: Room | null;
}

export class Guarding {
  readonly #lost = new AbortController();
  readonly #path: string;
  readonly #look: () => Promise<Seen>;
  readonly #filling = new Filling();
  #failure: StrataError | null = null;
  #secondsLeft: number | null = null;
  #timer: NodeJS.Timeout | undefined;
  #ended = false;

  private constructor(path: string, look: () => Promise<Seen>) {
    this.#path = path;
    this.#look = look;
  }

  /** Of a snapshot of what lies at `path`. It is looked at at once, for the first time. */
  static async begin(id: string, path: string, look: () => Promise<Seen>): Promise<Guarding> {
    const guarding = new Guarding(path, look);
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

  /** The snapshot, which is read at a path. */
  view(path: string): View {
    return {
      path,
      lost: this.#lost.signal,
      needed: (seconds) => {
        this.#secondsLeft = seconds;
      },
      proven: async () => {
        // How full it is does not matter any more.
        this.#failure ??= this.#failureOf((await this.#look()).trouble);
        if (this.#failure !== null) throw this.#failure;
      },
    };
  }

  async #again(): Promise<void> {
    this.#failure = await this.#lookOnce();
    if (this.#failure !== null) this.#lost.abort();
    else if (!this.#ended) this.#timer = setTimeout(() => void this.#again(), pause).unref();
  }

  async #lookOnce(): Promise<StrataError | null> {
    // What cannot be looked at is not known to hold.
    const { trouble, room } = await this.#look().catch((error: unknown) => ({ trouble: reasonOf(error), room: null }));
    if (trouble !== null || room === null) return this.#failureOf(trouble);
    const outpaced = this.#filling.look(performance.now() / 1000, room, this.#secondsLeft);
    return outpaced === null ? null : fail('SNAPSHOT_OUTPACED', { path: this.#path, reason: outpaced });
  }

  #failureOf(trouble: string | StrataError | null): StrataError | null {
    return typeof trouble === 'string' ? fail('SNAPSHOT_LOST', { path: this.#path, reason: trouble }) : trouble;
  }
}
