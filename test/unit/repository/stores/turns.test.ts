import { describe, expect, it } from 'vitest';
import { Turns } from '../../../../src/repository/stores/turns.ts';

/** Work that ends when it is told to, and how much of it is under way. */
function workshop() {
  const open: (() => void)[] = [];
  return {
    open,
    work: () => new Promise<void>((resolve) => open.push(resolve)),
    async endOne() {
      open.shift()?.();
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

describe('turns', () => {
  it('lets so many in at once, and the others in their order', async () => {
    const turns = new Turns(3);
    const order: number[] = [];
    const { open, work, endOne } = workshop();
    const all = Array.from({ length: 7 }, (_, n) =>
      turns.take(async () => {
        order.push(n);
        await work();
      }),
    );
    await new Promise((resolve) => setImmediate(resolve));
    expect(open).toHaveLength(3);
    while (open.length > 0) await endOne();
    await Promise.all(all);
    expect(order).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });

  it('lets fewer in when asked to, and more again when they end well', async () => {
    const turns = new Turns(8);
    const { open, work, endOne } = workshop();
    turns.fewer();
    turns.fewer();
    const all = Array.from({ length: 60 }, () => turns.take(work));
    await new Promise((resolve) => setImmediate(resolve));
    expect(open).toHaveLength(2);
    let most = 0;
    while (open.length > 0) {
      await endOne();
      most = Math.max(most, open.length);
    }
    await Promise.all(all);
    expect(most).toBe(8);
  });

  it('begins with few, and gets more as long as nobody asks for fewer', async () => {
    const turns = new Turns(4, { first: 1 });
    const { open, work, endOne } = workshop();
    const all = Array.from({ length: 20 }, () => turns.take(work));
    const seen: number[] = [];
    for (let n = 0; n < 5; n++) {
      await new Promise((resolve) => setImmediate(resolve));
      seen.push(open.length);
      await endOne();
    }
    expect(seen).toEqual([1, 2, 3, 4, 4]);
    while (open.length > 0) await endOne();
    await Promise.all(all);
  });

  it('gives no more when each is slow', async () => {
    const turns = new Turns(4, { first: 1, slow: 0 });
    let [underWay, most] = [0, 0];
    const slow = async () => {
      underWay += 1;
      most = Math.max(most, underWay);
      await new Promise((resolve) => setImmediate(resolve));
      underWay -= 1;
    };
    await Promise.all(Array.from({ length: 20 }, () => turns.take(slow)));
    expect(most).toBe(1);
  });

  it('goes on after work that failed', async () => {
    const turns = new Turns(1);
    await expect(
      turns.take(async () => {
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    expect(await turns.take(async () => 'well')).toBe('well');
  });
});
