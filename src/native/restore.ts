/** Restoring, verifying and repairing. */
import type { DedupIndex } from './backup.ts';
import type { BadPlace, Chain, ColumnRef, PackPlace, PackRef, WrittenColumn } from './maps.ts';
import type { Run } from './run.ts';
import type { Vault } from './vault.ts';

export interface RestoreOptions {
  readonly vault: Vault;
  readonly chain: Chain;
  readonly packs: PackPlace;
  /** Open descriptor, writable (readable too for delta). */
  readonly fd: number;
  readonly size: number;
  readonly blockSize: number;
  /** `fresh`: the target reads as zeros already; `overwrite`: anything may stand there; `delta`: compare, write what differs. */
  readonly mode: 'fresh' | 'overwrite' | 'delta';
  /** Zero blocks become holes (punched when overwriting) instead of written zeros. */
  readonly sparse: boolean;
  readonly threads: number;
  /** Part of the disk to restore, in bytes; it lands at offset 0 of the target. Multiples of 512. */
  readonly from: number;
  readonly length: number;
}

export interface RestoreProgress {
  readonly position: number;
  readonly bytesWritten: number;
  readonly bytesSkipped: number;
}

export interface RestoreOutcome extends RestoreProgress {
  readonly cancelled: boolean;
}

export interface VerifyOptions {
  readonly vault: Vault;
  readonly chain: Chain;
  readonly packs: PackPlace;
  readonly size: number;
  readonly blockSize: number;
  /** 0 … 100; which blocks is decided by `seed`. */
  readonly samplePercent: number;
  readonly seed: number;
  readonly threads: number;
  /** Frames found damaged before: which of them are good is told. */
  readonly suspects: readonly BadPlace[];
}

export interface Damage {
  /** Byte range of the disk; length 0 when a pack is damaged where no content lies. */
  readonly offset: number;
  readonly length: number;
  readonly pack: string;
  /** A code of errors.ts: PACK_MISSING, FRAME_DAMAGED, PACK_READ. */
  readonly code: string;
  readonly message: string;
  /** Where the damaged frames lie in the pack; none when the pack is lost, or when it is something else that is damaged. */
  readonly frames: readonly number[];
}

export interface VerifyOutcome {
  readonly cancelled: boolean;
  readonly blocksChecked: number;
  readonly bytesRead: number;
  /** Root of the whole disk as computed from the digest column. */
  readonly root: string;
  readonly damage: readonly Damage[];
  /** Suspects that were read and are good. */
  readonly recovered: readonly BadPlace[];
}

export interface VerifyProgress {
  readonly position: number;
  readonly blocksChecked: number;
  readonly bytesRead: number;
  readonly damaged: number;
}

export interface RebuildOptions {
  readonly vault: Vault;
  /** Which column of a point's own map is made anew. */
  readonly column: 'loc' | 'dig';
  /** The columns as they are; null: lost. The one that is not made anew must be there. */
  readonly loc: ColumnRef | null;
  readonly dig: ColumnRef | null;
  readonly packs: PackPlace;
  /** Of the point's disk. */
  readonly size: number;
  readonly blockSize: number;
  /** For `loc`: an index over all packs, without `badPlaces`. */
  readonly dedup: DedupIndex | null;
  /** Places in these, and at these, are looked for anew. */
  readonly missingPacks: readonly string[];
  readonly badPlaces: readonly BadPlace[];
  /** File for the new column. */
  readonly path: string;
  readonly threads: number;
}

export interface RebuildOutcome {
  readonly cancelled: boolean;
  readonly column: WrittenColumn;
  /** Blocks with a place, or a digest, that was not known before. */
  readonly mended: number;
  /** `[[offset, length], …]` of what this map names that cannot be read. */
  readonly lost: readonly (readonly [number, number])[];
  /** Frames that were found damaged: with these as bad places there may be another copy. */
  readonly bad: readonly BadPlace[];
  /** Of `loc`: a quick check of the digest column is not its block's. */
  readonly wrongQuickCheck: boolean;
}

export interface RebuildProgress {
  readonly position: number;
  readonly bytesRead: number;
}

export interface NativeRestore {
  startRestore(options: RestoreOptions): Run<RestoreOutcome, RestoreProgress>;
  startVerify(options: VerifyOptions): Run<VerifyOutcome, VerifyProgress>;
  /** Makes one column of a map from the other and the packs. Rejects with MAP_MISSING, MAP_DAMAGED when the other is not whole. */
  startRebuild(options: RebuildOptions): Run<RebuildOutcome, RebuildProgress>;
  /** Copies the whole frames of a pack, sealed as they are, to a new pack `id` at `path`, which is not made when there are none. */
  salvagePack(options: {
    vault: Vault;
    pack: PackRef;
    id: string;
    path: string;
  }): Promise<{ readonly frames: number; readonly bytes: number }>;
}
