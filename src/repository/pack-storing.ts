/** Stores packs as a run of the addon finishes them: each is answered for, and none is under way when the run has ended. */

interface PackRun {
  packStored(seq: number): void;
  packFailed(seq: number): void;
}

export class PackStoring {
  readonly #store: (id: string, path: string) => Promise<void>;
  readonly #underWay = new Set<Promise<void>>();
  #failure: unknown;

  /** `store` gives a finished pack file its name. */
  constructor(store: (id: string, path: string) => Promise<void>) {
    this.#store = store;
  }

  /** Why a pack could not be stored, the first one; the run then fails because of it. */
  get failure(): unknown {
    return this.#failure;
  }

  take(run: PackRun, { seq, id, path }: { readonly seq: number; readonly id: string; readonly path: string }): void {
    const stored = this.#store(id, path).then(
      () => run.packStored(seq),
      (error: unknown) => {
        this.#failure ??= error;
        run.packFailed(seq);
      },
    );
    this.#underWay.add(stored);
  }

  async ended(): Promise<void> {
    await Promise.all(this.#underWay);
  }
}
