/**
 * What an image file consists of. A format is a pure function from a disk to segments: it reads nothing and writes
 * nothing, and gives the same for the same point every time. Native serves segments to every way of reading.
 */

/** Bytes that are nobody's but the format's: headers, tables, footers. */
export interface Literal {
  readonly kind: 'literal';
  readonly bytes: Uint8Array;
}

/** A range of the disk in bytes. What of it lies past the disk's end reads as zeros. */
export interface DiskRange {
  readonly kind: 'disk';
  readonly offset: number;
  readonly length: number;
}

export interface Zeros {
  readonly kind: 'zeros';
  readonly length: number;
}

export type Segment = Literal | DiskRange | Zeros;

export interface Layout {
  /** Bytes of the image file: the sum of its segments. */
  readonly size: number;
  /** One after the other, none of them empty. */
  readonly segments: readonly Segment[];
}

/**
 * Ranges of a disk in bytes as offset, length, offset, length …: ascending, disjoint, not empty, not touching. They
 * begin at multiples of the repository's block size; the last may reach past the end of the disk by less than a block.
 */
export type Extents = Float64Array;

/** What a format knows of a restore point. */
export interface PointDisk {
  /** Id of the point, 24 hex digits: what GUIDs and serial numbers are made from. */
  readonly id: string;
  /** `machine/disk`, for descriptions. */
  readonly name: string;
  /** When the point was made, ISO 8601 UTC. */
  readonly time: string;
  /** Bytes of the disk; any positive number. */
  readonly size: number;
  readonly sectorSize: 512 | 4096;
  /** What holds data; all else is zero. */
  readonly data: Extents;
}
