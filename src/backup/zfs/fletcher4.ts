/**
 * The checksum that streams of `zfs send` carry: four sums, each of which adds up the one before it, over words of 32
 * bits, modulo 2^64.
 */

/** So many words at once, each in two halves: their sums are exact in floating point, those of the fourth kind below 2^52. */
const most = 1024;

export class Fletcher4 {
  readonly #littleEndian: boolean;
  #a = 0n;
  #b = 0n;
  #c = 0n;
  #d = 0n;

  constructor(littleEndian: boolean) {
    this.#littleEndian = littleEndian;
  }

  /** Adds `length` bytes from `from` on: a multiple of 4. */
  add(view: DataView, from: number, length: number): void {
    const little = this.#littleEndian;
    for (let at = from, end = from + length; at < end; ) {
      const stop = Math.min(at + most * 4, end);
      const words = (stop - at) / 4;
      let [a, b, c, d] = [0, 0, 0, 0];
      let [e, f, g, h] = [0, 0, 0, 0];
      for (; at < stop; at += 4) {
        const word = view.getUint32(at, little);
        a += word & 0xffff;
        b += a;
        c += b;
        d += c;
        e += word >>> 16;
        f += e;
        g += f;
        h += g;
      }
      this.#carry(words, joined(a, e), joined(b, f), joined(c, g), joined(d, h));
    }
  }

  /** Whether the sums are those that stand at a place: four words of 64 bits. */
  equals(view: DataView, at: number): boolean {
    const sums = [this.#a, this.#b, this.#c, this.#d];
    return sums.every((sum, index) => view.getBigUint64(at + index * 8, this.#littleEndian) === sum);
  }

  /** Goes on by so many words, whose sums, begun at zero, these are. */
  #carry(words: number, a: bigint, b: bigint, c: bigint, d: bigint): void {
    const [one, two, three] = [
      BigInt(words),
      BigInt((words * (words + 1)) / 2),
      BigInt((words * (words + 1) * (words + 2)) / 6),
    ];
    this.#d = BigInt.asUintN(64, this.#d + one * this.#c + two * this.#b + three * this.#a + d);
    this.#c = BigInt.asUintN(64, this.#c + one * this.#b + two * this.#a + c);
    this.#b = BigInt.asUintN(64, this.#b + one * this.#a + b);
    this.#a = BigInt.asUintN(64, this.#a + a);
  }
}

/** A sum over whole words, of those over their lower and their upper halves. */
function joined(lower: number, upper: number): bigint {
  return BigInt(lower) + (BigInt(upper) << 16n);
}
