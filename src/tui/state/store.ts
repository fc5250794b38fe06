/** Holds the state, and tells who wants to know when it changed. */
import { type Action, reduce } from './reducer.ts';
import type { State } from './state.ts';

export class Store {
  readonly #listeners = new Set<() => void>();
  #state: State;

  constructor(first: State) {
    this.#state = first;
  }

  readonly get = (): State => this.#state;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  dispatch(action: Action): void {
    const next = reduce(this.#state, action);
    if (next === this.#state) return;
    this.#state = next;
    for (const listener of this.#listeners) listener();
  }
}
