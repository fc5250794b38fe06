/** What every image format has: a name in the mount, disks that it can't hold, and a layout. */
import type { Layout, PointDisk } from './segment.ts';

/** What decides whether a format can hold a disk. */
export type DiskShape = Pick<PointDisk, 'size' | 'sectorSize'>;

export interface Format {
  /** Name of the image among the files of a restore point. */
  readonly fileName: string;
  /**
   * Bytes of the image of a disk that the format can hold, without making its layout: mounts tell the sizes of thousands. Null when only what
   * holds data takes room in the image.
   */
  readonly sizeOf: ((disk: DiskShape) => number) | null;
  /** Why the format can't hold such a disk, as a clause: "it has more than 2040 GiB"; null when it can. */
  readonly whyNot: (disk: DiskShape) => string | null;
  /** The image of a disk that the format can hold. */
  readonly layout: (disk: PointDisk) => Layout;
}

export const mebibyte = 2 ** 20;
export const gibibyte = 2 ** 30;
export const tebibyte = 2 ** 40;

/** `value` rounded up to a multiple of `unit`. */
export function roundUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit;
}
