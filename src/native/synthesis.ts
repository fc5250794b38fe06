/** Merging chains, and copying frames into new packs. */
import type { Chain, Clone, ColumnRef, PackPlace, PackRef, WrittenColumn } from './maps.ts';
import type { OnPack, PackingRun } from './run.ts';
import type { Vault } from './vault.ts';

export interface SynthesisOptions {
  readonly vault: Vault;
  readonly chain: Chain;
  readonly packs: PackPlace;
  /** Of the chain's newest point, in bytes. */
  readonly size: number;
  readonly blockSize: number;
  /** Folder for packs and columns being written. */
  readonly spool: string;
  /** 24 hex digits. */
  readonly runId: string;
  /** `reference`: frames stay where they are; `copy`: they go into packs of this run, in disk order, each content once. */
  readonly mode: 'reference' | 'copy';
  readonly packSize: number;
  /** Packs that broken runs of the same synthesis stored: what they hold is not copied again. */
  readonly resume: readonly PackRef[];
  /** Packs that the caller has the store join: the run gives out their ends, under the first numbers of its packs. */
  readonly assembly: readonly AssembledPack[];
  readonly clone: Clone;
  readonly onPack: OnPack;
}

/** A pack of parts of others, one behind the other, and its end, which the run writes. */
export interface AssembledPack {
  readonly parts: readonly PackPart[];
  /** That are expected to be named in it: with the last of them its end is given out. */
  readonly frames: number;
}

/** A range of a pack, as it is. The first frame of a pack must not begin in the first 16 bytes. */
export interface PackPart {
  /** Its id. */
  readonly pack: string;
  readonly offset: number;
  readonly length: number;
}

/** Frames as columns, sorted by pack and offset. */
export interface SurveyedFrames {
  /** The number of its pack among the sources. */
  readonly pack: Uint32Array;
  readonly offset: Uint32Array;
  readonly length: Uint32Array;
  /** How many data blocks of the disk stand before it. */
  readonly order: Float64Array;
}

export interface SynthesisProgress {
  /** Position on the disk, bytes. */
  readonly position: number;
  /** Bytes of frames. */
  readonly bytesJoined: number;
  readonly bytesCloned: number;
  readonly bytesCopied: number;
}

export interface SynthesisOutcome extends SynthesisProgress {
  readonly cancelled: boolean;
  readonly loc: WrittenColumn;
  readonly dig: WrittenColumn;
  readonly root: string;
  /** Data and zero blocks named in the new map. */
  readonly mapDataBlocks: number;
  readonly mapZeroBlocks: number;
  /** Bytes of the frames that the new map refers to, each once for every block. */
  readonly bytesReferenced: number;
  /** Bytes of the frames found in the packs of `resume`. */
  readonly bytesResumed: number;
  /** Ids of the packs referred to, in the order of their first use. */
  readonly packs: readonly string[];
}

export type SynthesisRun = PackingRun<SynthesisOutcome, SynthesisProgress>;

export interface RelocationOptions {
  readonly vault: Vault;
  readonly packs: PackPlace;
  readonly blockSize: number;
  readonly packSize: number;
  /** Folder for packs and columns being written. */
  readonly spool: string;
  /** 24 hex digits. */
  readonly runId: string;
  readonly clone: Clone;
  /** The chains of the points that must show the same afterwards. */
  readonly live: readonly Chain[];
  /** Location columns to write anew. */
  readonly columns: readonly ColumnRef[];
  /** Ids of the packs whose frames are moved. */
  readonly sparse: readonly string[];
  readonly onPack: OnPack;
}

export interface RelocationProgress {
  /** Bytes of the frames to move; 0 until they are known. */
  readonly bytesTotal: number;
  readonly bytesCloned: number;
  readonly bytesCopied: number;
}

export interface RelocationOutcome extends RelocationProgress {
  readonly cancelled: boolean;
  /** As in `columns` of the options: `<runId>.<n>.loc` in the spool folder. */
  readonly columns: readonly WrittenColumn[];
  /** Ids of the packs made. */
  readonly packs: readonly string[];
}

export type RelocationRun = PackingRun<RelocationOutcome, RelocationProgress>;

export interface NativeSynthesis {
  /**
   * Merges a chain into one full map of its newest point: `<runId>.loc` and `<runId>.dig` in the spool folder. Rejects with MAP_MISSING,
   * MAP_DAMAGED, FRAME_DAMAGED, PACK_MISSING, PACK_READ, SPOOL_WRITE, PACK_STORE_FAILED, CLONE_UNSUPPORTED.
   */
  startSynthesis(options: SynthesisOptions): SynthesisRun;
  /**
   * Every frame that a chain shows, each once, that its pack's own index confirms and no pack of `resume` holds. `sources`: the packs that
   * the chain refers to. Rejects with MAP_MISSING, MAP_DAMAGED.
   */
  surveyCopy(options: {
    vault: Vault;
    chain: Chain;
    blockSize: number;
    sources: readonly PackRef[];
    resume: readonly PackRef[];
  }): Promise<SurveyedFrames>;
  /**
   * Copies what the live chains show of sparse packs into new ones, and writes columns anew with the new places; what no live chain shows
   * keeps its old place. Rejects with the codes of startSynthesis.
   */
  startRelocation(options: RelocationOptions): RelocationRun;
}
