import { describe, expect, it } from 'vitest';
import { concurrently } from '../../../src/repository/concurrently.ts';

describe('concurrently', () => {
  it('keeps the order and the limit', async () => {
    let running = 0;
    let most = 0;
    const results = await concurrently([5, 1, 4, 2, 3], 2, async (turns) => {
      most = Math.max(most, ++running);
      for (let turn = 0; turn < turns; turn++) await null;
      running--;
      return turns * 10;
    });
    expect(results).toEqual([50, 10, 40, 20, 30]);
    expect(most).toBe(2);
  });

  it('fails as the work does, and does nothing for nothing', async () => {
    await expect(concurrently([1], 4, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await concurrently([], 4, () => Promise.reject(new Error('no')))).toEqual([]);
  });
});
