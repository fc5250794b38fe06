import { describe, expect, it } from 'vitest';
import { Patience } from '../../../../../src/repository/stores/s3/patience.ts';

const budget = { firstWait: 1, longestWait: 4, untilFirst: 40, later: 10_000 };
const always = () => true;

describe('patience', () => {
  it('tries again until it works', async () => {
    const patience = new Patience(budget);
    const result = await patience.keep(
      async (attempt) => {
        if (attempt < 5) throw new Error('not yet');
        return attempt;
      },
      always,
      undefined,
    );
    expect(result).toBe(5);
    expect(patience.retries).toBe(5);
  });

  it('does not try again what will not pass', async () => {
    let tried = 0;
    const work = async () => {
      tried += 1;
      throw new Error('no');
    };
    await expect(new Patience(budget).keep(work, () => false, undefined)).rejects.toThrow('no');
    expect(tried).toBe(1);
  });

  it('is short before anything has worked, and long afterwards', async () => {
    const fails = async () => {
      throw new Error('no');
    };
    const began = Date.now();
    await expect(new Patience(budget).keep(fails, always, undefined)).rejects.toThrow('no');
    const patience = new Patience(budget);
    await patience.keep(async () => 'once', always, undefined);
    const again = await patience.keep(
      async () => {
        // As long as the other one took to give up, it goes on.
        if (Date.now() - began < 4 * budget.untilFirst) throw new Error('no');
        return 'well';
      },
      always,
      undefined,
    );
    expect(again).toBe('well');
  });

  it('ends with its signal', async () => {
    const control = new AbortController();
    const waiting = new Patience({ ...budget, firstWait: 60_000, longestWait: 60_000, untilFirst: 60_000 }).keep(
      async () => {
        throw new Error('no');
      },
      always,
      control.signal,
    );
    setImmediate(() => control.abort(new Error('enough')));
    await expect(waiting).rejects.toThrow();
  });
});
