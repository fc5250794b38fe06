export const hammerBlock = 4096;

/** Where the write of a number goes: all over the file, each place again and again. */
export function placeOf(number: number, blocks: number): number {
  return (number * 7919) % blocks;
}
