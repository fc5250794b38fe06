/**
 * Ranges of packs that the addon asks for, fetched for it. What is asked for in one turn of the event loop and lies side by side is one
 * request to the store, up to a size; so readers of neighbouring frames share a round trip.
 */

import { isStrataError, reasonOf } from '../../errors.ts';
import type { FetchRequest, Remote } from '../../native/remote.ts';
import { native } from '../../native.ts';

export interface FetchedRange {
  readonly bytes: Buffer;
  /** Whether some of it is a copy that was kept on this machine. */
  readonly copied: boolean;
}

export interface RangeSource {
  /** A part of an object, shorter when it ends before; OBJECT_MISSING. `fresh`: no copy of it, for one was wrong. */
  range(name: string, offset: number, length: number, fresh: boolean): Promise<FetchedRange>;
  /** OBJECT_MISSING when there is none. */
  size(name: string): Promise<number>;
}

const largestRange = 4 * 1024 ** 2;
/** What the addon keeps of what it was given, and may have on its way besides. */
const memory = 64 * 1024 ** 2;

export class Fetching {
  readonly remote: Remote;
  readonly #source: RangeSource;
  #waiting: FetchRequest[] = [];
  readonly #letGo = () => this.close();

  constructor(source: RangeSource) {
    this.#source = source;
    this.remote = native.openRemote({ memory, onRequest: (request) => this.#take(request) });
    // The addon's threads must not wait for a process that ends.
    process.once('exit', this.#letGo);
  }

  close(): void {
    process.off('exit', this.#letGo);
    native.closeRemote(this.remote);
  }

  #take(request: FetchRequest): void {
    this.#waiting.push(request);
    if (this.#waiting.length === 1) setImmediate(() => this.#fetchAll());
  }

  #fetchAll(): void {
    const requests = this.#waiting;
    this.#waiting = [];
    for (const { number, name } of requests.filter(({ length }) => length === 0)) void this.#tellSize(number, name);
    for (const run of joined(requests.filter(({ length }) => length > 0))) void this.#fetch(run);
  }

  async #tellSize(number: number, name: string): Promise<void> {
    try {
      native.remoteTellSize(this.remote, number, await this.#source.size(name));
    } catch (error) {
      this.#fail([number], name, error);
    }
  }

  async #fetch(run: readonly FetchRequest[]): Promise<void> {
    const [first] = run;
    const last = run.at(-1);
    if (first === undefined || last === undefined) return;
    try {
      const fresh = run.some((request) => request.fresh);
      const length = last.offset + last.length - first.offset;
      const { bytes, copied } = await this.#source.range(first.name, first.offset, length, fresh);
      for (const { number, offset, length } of run) {
        native.remoteDeliver(
          this.remote,
          number,
          bytes.subarray(offset - first.offset, offset - first.offset + length),
          copied,
        );
      }
    } catch (error) {
      this.#fail(
        run.map(({ number }) => number),
        first.name,
        error,
      );
    }
  }

  #fail(numbers: readonly number[], name: string, error: unknown): void {
    const stopped = isStrataError(error, 'INTERRUPTED') ? 'CANCELLED' : 'STORAGE_FETCH';
    const code = isStrataError(error, 'OBJECT_MISSING') ? 'PACK_MISSING' : stopped;
    for (const number of numbers)
      native.remoteFail(this.remote, number, { code, message: reasonOf(error), path: name });
  }
}

/** Requests that lie side by side, together; in the order in which the first of each came. */
export function joined(requests: readonly FetchRequest[]): FetchRequest[][] {
  const order = new Map(requests.map((request, index) => [request, index]));
  const placeOf = (run: readonly FetchRequest[]) => Math.min(...run.map((request) => order.get(request) ?? 0));
  const sorted = requests.toSorted((a, b) => (a.name === b.name ? a.offset - b.offset : a.name < b.name ? -1 : 1));
  const runs: FetchRequest[][] = [];
  for (const request of sorted) {
    const run = runs.at(-1);
    const [first] = run ?? [];
    const last = run?.at(-1);
    const follows = last?.name === request.name && last.offset + last.length === request.offset;
    if (
      run !== undefined &&
      first !== undefined &&
      follows &&
      request.offset + request.length - first.offset <= largestRange
    ) {
      run.push(request);
    } else {
      runs.push([request]);
    }
  }
  return runs.sort((a, b) => placeOf(a) - placeOf(b));
}
