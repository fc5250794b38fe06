/** Reads bytes of a disk; what lies behind its end reads as zeros. */
export type ReadAt = (offset: number, length: number) => Promise<Buffer>;

export interface Partition {
  /** As in the names of devices: `sda3` is 3. */
  readonly number: number;
  /** Bytes. */
  readonly offset: number;
  readonly length: number;
  /** MBR: two hex digits. GPT: a GUID. */
  readonly type: string;
  /** GPT only; else empty. */
  readonly name: string;
}
