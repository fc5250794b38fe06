/** Backups, and the index by which blocks that are stored already are found. */
import type { BadPlace, Chain, PackRef, WrittenColumn } from './maps.ts';
import type { OnPack, PackingRun } from './run.ts';
import type { NbdExport } from './source.ts';
import type { Vault } from './vault.ts';

/** Deduplication index over the frames of given packs; opaque, closed by `close()`. */
export interface DedupIndex {
  close(): void;
  readonly entries: number;
  /** Packs whose index could not be read (ids); their frames are not used. */
  readonly skipped: readonly string[];
}

export interface BackupOptions {
  readonly vault: Vault;
  readonly source: string | { readonly fd: number } | NbdExport;
  /** `stream` is read in order until its end; its size is known then. `nbd` is an export that was opened. */
  readonly kind: 'file' | 'device' | 'stream' | 'nbd';
  /** Bytes; 0 for a stream. */
  readonly size: number;
  readonly blockSize: number;
  /** Chain to compare with; empty for a full. */
  readonly parent: Chain;
  /** Packs known to be absent (ids): blocks that the parent keeps in them are stored again. */
  readonly missingPacks: readonly string[];
  /** Blocks that the parent keeps at one of these are stored again, too; `dedup` must have been opened with the same. */
  readonly badPlaces: readonly BadPlace[];
  readonly dedup: DedupIndex | null;
  /** Folder for packs and columns being written. */
  readonly spool: string;
  /** 24 hex digits. */
  readonly runId: string;
  readonly packSize: number;
  /** zstd level. */
  readonly level: number;
  /** Worker threads; 0 = by the machine. */
  readonly threads: number;
  /** Bytes a second read from the source; 0 = no limit. */
  readonly rateLimit: number;
  /**
   * What is not read of a file or device, as offset, length, offset, length …, ascending and apart within the size; of each the whole blocks.
   * Unallocated blocks become zero. Unchanged ones, which count only with a parent, stay what it has, unless that is lost.
   */
  readonly unallocated: Float64Array;
  readonly unchanged: Float64Array;
  /** How many of the unchanged blocks are read nevertheless and compared, 0 … 100, and which. */
  readonly auditPercent: number;
  readonly auditSeed: number;
  /** The parent may have zeros where the source was not read: unchanged blocks that are zero there are read. */
  readonly zerosUnread: boolean;
  /** Called for each finished pack file; answer with packStored(seq) or packFailed(seq). At most a few are unanswered. */
  readonly onPack: OnPack;
}

export interface BackupProgress {
  /** Position in the source, bytes; holes count. */
  readonly position: number;
  readonly bytesRead: number;
  readonly bytesNew: number;
  readonly bytesStored: number;
}

export interface BackupOutcome {
  readonly cancelled: boolean;
  readonly size: number;
  readonly bytesRead: number;
  /** Raw bytes of the blocks stored by this run. */
  readonly bytesNew: number;
  /** Bytes of the packs written by this run. */
  readonly bytesStored: number;
  readonly changedBlocks: number;
  readonly zeroBlocks: number;
  readonly deduplicatedBlocks: number;
  /** Blocks that the parent keeps at bad places, and that were read again. */
  readonly badBlocks: number;
  /** Data and zero blocks named in the new map. */
  readonly mapDataBlocks: number;
  readonly mapZeroBlocks: number;
  readonly loc: WrittenColumn;
  readonly dig: WrittenColumn;
  readonly root: string;
  /** [offset, length] pairs. */
  readonly unreadable: readonly (readonly [number, number])[];
  /** Bytes of the disk that were not read, holes among them. */
  readonly bytesUnallocated: number;
  readonly bytesUnchanged: number;
  /** Unchanged blocks that were read nevertheless, and where they are not what the parent has; those are stored. */
  readonly auditedBlocks: number;
  readonly changedUnseen: readonly (readonly [number, number])[];
  /** Whether O_DIRECT was used, and how many worker threads. */
  readonly direct: boolean;
  readonly threads: number;
}

export type BackupRun = PackingRun<BackupOutcome, BackupProgress>;

export interface NativeBackup {
  /** Builds the index from the packs, with `cacheFile` (made anew when it does not fit). Frames of `bad` are never found. */
  openDedupIndex(options: {
    vault: Vault;
    packs: readonly PackRef[];
    cacheFile: string;
    memoryLimit: number;
    bad: readonly BadPlace[];
  }): Promise<DedupIndex>;
  startBackup(options: BackupOptions): BackupRun;
  /** Teaches an index the frames of packs whose own index is damaged, by the frames' headers; returns how many it did not know. */
  indexFrames(options: { dedup: DedupIndex; packs: readonly PackRef[]; bad: readonly BadPlace[] }): Promise<number>;
}
