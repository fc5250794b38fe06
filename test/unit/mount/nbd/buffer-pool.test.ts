import { describe, expect, it } from 'vitest';
import { BufferPool } from '../../../../src/mount/nbd/buffer-pool.ts';

const KiB = 1024;

describe('a pool of buffers', () => {
  it('gives a buffer again when it was given back, and not before', () => {
    const pool = new BufferPool(1024 * KiB);
    const [one, other] = [pool.take(64 * KiB), pool.take(64 * KiB)];
    expect(other).not.toBe(one);
    pool.give(one);
    expect(pool.take(65 * KiB)).not.toBe(one);
    expect(pool.take(64 * KiB)).toBe(one);
    expect(pool.take(64 * KiB)).not.toBe(one);
  });

  it('takes nothing back twice, nothing that is not its own, and nothing small', () => {
    const pool = new BufferPool(1024 * KiB);
    const [large, small] = [pool.take(64 * KiB), pool.take(100)];
    const foreign = Buffer.alloc(64 * KiB);
    for (const buffer of [large, large, small, foreign]) pool.give(buffer);
    expect(pool.take(64 * KiB)).toBe(large);
    expect([large, foreign]).not.toContain(pool.take(64 * KiB));
    expect(pool.take(100)).not.toBe(small);
  });

  it('keeps no more than it may, those that came last', () => {
    const pool = new BufferPool(200 * KiB);
    const buffers = [64, 65, 66, 67].map((size) => pool.take(size * KiB));
    for (const buffer of buffers) pool.give(buffer);
    const again = [64, 65, 66, 67].map((size) => pool.take(size * KiB));
    expect(again.map((buffer, at) => buffer === buffers[at])).toEqual([false, true, true, true]);
    const huge = pool.take(300 * KiB);
    pool.give(huge);
    expect(pool.take(300 * KiB)).not.toBe(huge);
  });

  it('forgets all when it is cleared', () => {
    const pool = new BufferPool(1024 * KiB);
    const one = pool.take(64 * KiB);
    pool.give(one);
    pool.clear();
    expect(pool.take(64 * KiB)).not.toBe(one);
  });
});
