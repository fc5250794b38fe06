import { setTimeout as wait } from 'node:timers/promises';

const period = 20;

/**
 * Waits until something holds; false when it does not within `limit` milliseconds. For what the kernel does in its own
 * time and tells nobody.
 */
export async function until(holds: () => Promise<boolean>, limit: number): Promise<boolean> {
  const end = performance.now() + limit;
  while (!(await holds())) {
    if (performance.now() >= end) return false;
    await wait(period);
  }
  return true;
}
