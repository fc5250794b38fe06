/** What Node does not offer of the system. */
import type { NativeError } from './run.ts';

export interface NativeSystem {
  /** Takes the lock of an open file (flock), which ends with the last descriptor of it; false while another has it. */
  tryLock(fd: number): boolean;
  /** The contents of files, each of at most 64 MiB, in order; null where there is none, and what kept one from being read. */
  readFiles(paths: readonly string[]): Promise<(Buffer | null | NativeError)[]>;
  /** Makes the open file `to` share all blocks of `from`, as they are at one instant (FICLONE). */
  cloneFile(from: number, to: number): Promise<void>;
  /** Where an open file lies (FIEMAP): logical offset, physical offset, length, FIEMAP_EXTENT_* flags, again and again, in order. */
  fileExtents(fd: number): Promise<Float64Array>;
  /** Stops all writing to a file system, after what waits is written (FIFREEZE), and lets it go on (FITHAW: EINVAL when it is not frozen). */
  freezeFileSystem(mountedAt: string): Promise<void>;
  thawFileSystem(mountedAt: string): Promise<void>;
  /** Size in bytes of an open block device (BLKGETSIZE64) or file. */
  sizeOf(fd: number): number;
  /** Versions and processor features, for `doctor`. */
  about(): { zstd: string; openssl: string; features: readonly string[]; threads: number };
}
