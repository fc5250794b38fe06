/** Long actions of the addon, and how its failures look. */

/** What the addon throws and rejects with; `code` is one of the codes of errors.ts. */
export interface NativeError extends Error {
  readonly code: string;
  /** Positive errno of the failed system call, when there was one. */
  readonly errno?: number;
  /** Path concerned, when there is one. */
  readonly path?: string;
}

export interface Run<Outcome, Progress> {
  progress(): Progress;
  cancel(): void;
  readonly finished: Promise<Outcome>;
}

/** What a run gives out for each pack that it has finished. */
export type OnPack = (pack: { seq: number; id: string; path: string; bytes: number; frames: number }) => void;

/** A run that makes packs; it ends when each of them was answered for. */
export interface PackingRun<Outcome, Progress> extends Run<Outcome, Progress> {
  packStored(seq: number): void;
  packFailed(seq: number): void;
}
