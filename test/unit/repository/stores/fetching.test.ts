import { describe, expect, it } from 'vitest';
import type { FetchRequest } from '../../../../src/native/remote.ts';
import { joined } from '../../../../src/repository/stores/fetching.ts';

const chunk = 128 * 1024;

function request(number: number, name: string, first: number, count = 1): FetchRequest {
  return { number, name, offset: first * chunk, length: count * chunk, ahead: false, fresh: false };
}

function numbers(requests: readonly FetchRequest[]): number[][] {
  return joined(requests).map((run) => run.map(({ number }) => number));
}

describe('requests of one turn', () => {
  it('are joined where they lie side by side', () => {
    const requests = [request(0, 'a', 5), request(1, 'b', 6), request(2, 'a', 3, 2), request(3, 'a', 7)];
    expect(numbers(requests)).toEqual([[2, 0], [1], [3]]);
  });

  it('become no larger than 4 MiB, and keep the order of the first of each', () => {
    const requests = Array.from({ length: 70 }, (_, n) => request(n, 'a', n));
    expect(joined(requests).map((run) => run.length)).toEqual([32, 32, 6]);
    expect(numbers([request(0, 'z', 0), request(1, 'a', 0)])).toEqual([[0], [1]]);
  });

  it('of one range are never lost, however they come', () => {
    for (let seed = 1; seed < 50; seed++) {
      const requests = Array.from({ length: 20 }, (_, n) =>
        request(n, 'ab'[(n * seed) % 2] ?? 'a', (n * seed * 7) % 61),
      );
      const distinct = [...new Map(requests.map((it) => [`${it.name} ${it.offset}`, it])).values()];
      expect(numbers(distinct).flat().toSorted()).toEqual(distinct.map(({ number }) => number).toSorted());
      for (const run of joined(distinct)) {
        for (const [n, it] of run.entries()) {
          const before = run[n - 1];
          if (before !== undefined) expect([it.name, it.offset]).toEqual([before.name, before.offset + before.length]);
        }
      }
    }
  });
});
