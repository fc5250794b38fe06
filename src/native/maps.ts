/** Block maps and their chains, and the packs that they refer to. */
import type { Remote } from './remote.ts';
import type { Vault } from './vault.ts';

/** Where the index of a column file lies (docs/format.md, Manifest). */
export interface ColumnRef {
  readonly path: string;
  readonly indexOffset: number;
  readonly indexLength: number;
  /** 64 hex digits. */
  readonly indexDigest: string;
}

/** One map of a chain. */
export interface Layer {
  readonly loc: ColumnRef;
  readonly dig: ColumnRef;
  /** Size of the point's disk in bytes. */
  readonly size: number;
}

/** The maps of a chain, newest first; empty = a disk of zeros. */
export type Chain = readonly Layer[];

/** A column file just written, in the spool folder. */
export interface WrittenColumn {
  readonly path: string;
  readonly bytes: number;
  readonly indexOffset: number;
  readonly indexLength: number;
  readonly indexDigest: string;
}

export interface PackRef {
  /** 32 hex digits. */
  readonly id: string;
  /** Of a file; for messages when it lies elsewhere. */
  readonly path: string;
  readonly bytes: number;
  /** Where it lies, when that is no file. */
  readonly remote?: Remote;
}

/** Where a frame begins that is known to be damaged. */
export interface BadPlace {
  /** 32 hex digits. */
  readonly pack: string;
  readonly offset: number;
}

export interface PackPlace {
  /** The repository's `packs` folder; a pack is at `<folder>/<last two digits>/<id>`. For messages when they lie elsewhere. */
  readonly folder: string;
  readonly remote?: Remote;
}

/** Whether copies share blocks with what they are copied from (reflink): where the file system can, always, or not at all. */
export type Clone = 'auto' | 'require' | 'never';

/** A part of a disk that cannot be read, in whole blocks. */
export interface LostRange {
  readonly offset: number;
  readonly length: number;
  readonly pack: string;
  /** The whole pack is; else frames in it are damaged. */
  readonly missing: boolean;
}

export interface ChainStatistics {
  readonly dataBlocks: number;
  readonly zeroBlocks: number;
  /** Sum of the frame lengths. */
  readonly storedBytes: number;
  /** Ids of the packs referred to. */
  readonly packs: readonly string[];
}

/** Which packs the chains marked so far refer to; opaque. */
export interface Liveness {
  readonly __liveness: never;
}

export interface NativeMaps {
  /** The root as the digest columns of a chain give it; the location columns are not looked at. Rejects as `statistics`. */
  contentRoot(options: { vault: Vault; chain: Chain; size: number; blockSize: number }): Promise<string>;
  /** What of a disk lies in missing packs and at bad places, by the location columns; no frame is read. */
  lostRanges(options: {
    vault: Vault;
    chain: Chain;
    size: number;
    blockSize: number;
    missingPacks: readonly string[];
    badPlaces: readonly BadPlace[];
  }): Promise<readonly LostRange[]>;
  /** Changed ranges between two points, joined, clipped to the larger size: `[[offset, length], …]` in bytes. */
  diff(options: {
    vault: Vault;
    a: Chain;
    b: Chain;
    blockSize: number;
  }): Promise<readonly (readonly [number, number])[]>;
  statistics(options: { vault: Vault; chain: Chain; blockSize: number }): Promise<ChainStatistics>;
  /** Knows of no references yet. Takes up to 1 KiB for each pack that is marked. */
  openLiveness(options: { vault: Vault; packSize: number; blockSize: number }): Liveness;
  /**
   * Marks all that a chain, or the part of it that is given, shows; several may run at once. Returns the data blocks seen. Rejects with
   * MAP_MISSING, MAP_DAMAGED; what was marked until then stays marked.
   */
  markLive(liveness: Liveness, chain: Chain): Promise<number>;
  /**
   * Bytes of each pack that something refers to, rather too many than too few, at most its `bytes`; 0: nothing does. By id, 32 hex digits; two
   * lists rather than objects, as there may be millions.
   */
  liveBytes(liveness: Liveness, ids: readonly string[], bytes: Float64Array): Float64Array;
  /** All packs that something refers to, sorted. */
  livePacks(liveness: Liveness): readonly string[];
  /**
   * For each of `dropped`, in order, the bytes of the frames that it shows, that no chain of `kept` shows, and that were not counted for
   * an earlier one. Rejects with MAP_MISSING, MAP_DAMAGED.
   */
  freedBytes(options: {
    vault: Vault;
    blockSize: number;
    kept: readonly Chain[];
    dropped: readonly Chain[];
  }): Promise<Float64Array>;
  /** Up to 16 MiB of a point's content; zeros past the end of the disk. */
  readContent(options: {
    vault: Vault;
    chain: Chain;
    packs: PackPlace;
    blockSize: number;
    offset: number;
    length: number;
  }): Promise<Buffer>;
  /** Ids of the packs that a `.loc` column refers to. */
  packsOf(vault: Vault, column: ColumnRef): Promise<readonly string[]>;
}
