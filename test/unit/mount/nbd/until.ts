import { setImmediate as nextTurn } from 'node:timers/promises';

/** Waits for what other turns of the event loop bring about. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await nextTurn();
}
