/** Random choices that are the same for the same seed. */
export interface Random {
  /** 0 … limit − 1. */
  below(limit: number): number;
  chance(probability: number): boolean;
  /** One of them; undefined when there is none. */
  one<Item>(items: readonly Item[]): Item | undefined;
}

export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  // mulberry32
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number) => Math.floor(next() * limit);
  return { below, chance: (probability) => next() < probability, one: (items) => items[below(items.length)] };
}
