/**
 * Extents in use, as a list that cannot grow for ever: a bitmap of garbage, or of a file system that is in tatters, would
 * make hundreds of millions. Past a million of them the smallest gaps count as used, too: they are read for nothing.
 */
import type { Extents } from './allocation.ts';

const most = 1024 * 1024;
const firstGap = 64 * 1024;

export class UsedList {
  private list: [number, number][] = [];
  /** Free bytes between two extents that are not worth keeping apart. */
  private gap = 0;

  /** `offset` must not lie before that of the run added last. */
  add(offset: number, length: number): void {
    if (length <= 0) return;
    const last = this.list.at(-1);
    if (last !== undefined && offset <= last[0] + last[1] + this.gap) {
      last[1] = Math.max(last[1], offset + length - last[0]);
      return;
    }
    this.list.push([offset, length]);
    if (this.list.length > most) this.coarsen();
  }

  get extents(): Extents {
    return this.list;
  }

  private coarsen(): void {
    while (this.list.length > most / 2) {
      const fine = this.list;
      this.list = [];
      this.gap = Math.max(firstGap, this.gap * 2);
      for (const [offset, length] of fine) this.add(offset, length);
    }
  }
}
