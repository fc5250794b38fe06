import { describe, expect, it } from 'vitest';
import { Queue } from '../../../src/tui/control/queue.ts';

const never = new AbortController().signal;

describe('the queue', () => {
  it('does one after the other, also after one that failed', async () => {
    const queue = new Queue();
    const told: string[] = [];
    const first = Promise.withResolvers<void>();
    const work = (name: string, until?: Promise<void>) => async () => {
      told.push(`${name} began`);
      await until;
      told.push(`${name} ended`);
    };
    expect(queue.isBusy).toBe(false);
    const one = queue.next(never, work('one', first.promise));
    const two = queue.next(never, () => Promise.reject(new Error('two failed')));
    const three = queue.next(never, work('three'));
    expect(queue.isBusy).toBe(true);
    first.resolve();
    await one;
    await expect(two).rejects.toThrow('two failed');
    await three;
    expect(told).toEqual(['one began', 'one ended', 'three began', 'three ended']);
    await Promise.resolve();
    expect(queue.isBusy).toBe(false);
  });

  it('takes one away at once that is told not to begin, and holds up nobody by it', async () => {
    const queue = new Queue();
    const first = Promise.withResolvers<void>();
    const one = queue.next(never, () => first.promise);
    const stop = new AbortController();
    let began = false;
    const two = queue.next(stop.signal, async () => {
      began = true;
    });
    stop.abort(new Error('not any more'));
    await expect(two).rejects.toThrow('not any more');
    const three = queue.next(never, async () => 'three');
    first.resolve();
    await one;
    expect(await three).toBe('three');
    expect(began).toBe(false);
  });
});
