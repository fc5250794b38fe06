/** What a point's restore made of its target, in whatever format. */
export interface Restored {
  readonly point: string;
  /** Without symbolic links. */
  readonly to: string;
  readonly dryRun: boolean;
  /** Bytes of the disk, or of the partition. */
  readonly size: number;
  readonly bytesWritten: number;
  /** Bytes that stood in the target already. */
  readonly bytesSkipped: number;
  /** Of an object: zeros that its server put there by itself. */
  readonly bytesByServer?: number;
  readonly seconds: number;
}
