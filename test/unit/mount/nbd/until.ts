import { setImmediate as nextTurn } from 'node:timers/promises';

/** Waits for what other turns of the event loop bring about. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await nextTurn();
}

/** Lets everything that can happen now happen. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 100; turn++) await nextTurn();
}
