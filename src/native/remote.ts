/** Objects that JavaScript fetches for the addon. */

/** Objects that JavaScript fetches for the addon; opaque. */
export interface Remote {
  readonly __remote: never;
}

/** What the addon needs of an object `packs/xx/<id>`: answer with `remoteDeliver`, or `remoteTellSize` when `length` is 0, or `remoteFail`. */
export interface FetchRequest {
  readonly number: number;
  readonly name: string;
  /** Ranges begin and end at multiples of 128 KiB, and may reach over the end of the object. */
  readonly offset: number;
  readonly length: number;
  /** Nobody waits for it yet. */
  readonly ahead: boolean;
  /** A copy of it turned out to be wrong: it must come from the store itself. */
  readonly fresh: boolean;
}

export interface NativeRemote {
  /** `memory`: bytes of what was delivered that are kept. */
  openRemote(options: { memory: number; onRequest: (request: FetchRequest) => void }): Remote;
  /** The bytes of a request, fewer when the object ends before. `copied`: some are copies; when they are wrong they are asked for again. */
  remoteDeliver(remote: Remote, number: number, bytes: Uint8Array, copied: boolean): void;
  remoteTellSize(remote: Remote, number: number, bytes: number): void;
  remoteFail(remote: Remote, number: number, error: { code: string; message: string; path: string }): void;
  /** Whoever reads, or will, gets CANCELLED. */
  closeRemote(remote: Remote): void;
}
