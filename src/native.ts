/**
 * The native addon: the only file that loads it, and the types of everything that crosses.
 *
 * Bulk bytes (read, hash, compare, compress, seal, merge) happen in threads of the addon; what crosses here
 * are options, counters and results. Handles are opaque. Long actions are *runs*: they start at once, are
 * watched by polling `progress()`, stopped by `cancel()`, and settle `finished` exactly once, after all their
 * threads have ended. A run that fails rejects with a `NativeError`.
 */
import { createRequire } from 'node:module';

/** What the addon throws and rejects with; `code` is one of the codes of errors.ts. */
export interface NativeError extends Error {
  readonly code: string;
  /** Positive errno of the failed system call, when there was one. */
  readonly errno?: number;
  /** Path concerned, when there is one. */
  readonly path?: string;
}

/** Master key and whether frames are sealed; opaque. */
export interface Vault {
  readonly __vault: never;
}

export const frameType = { block: 1, location: 2, digest: 3, mapIndex: 4, packIndex: 5, record: 6 } as const;

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

/** Objects that JavaScript fetches for the addon; opaque. */
export interface Remote {
  readonly __remote: never;
}

/** What the addon needs of an object `packs/xx/<id>`: answer with `remoteDeliver`, or `remoteTellSize` when `length` is 0, or `remoteFail`. */
export interface FetchRequest {
  readonly number: number;
  readonly name: string;
  /** Ranges begin and end at multiples of 128 KiB, and may reach over the end of the object. */
  readonly offset: number;
  readonly length: number;
  /** Nobody waits for it yet. */
  readonly ahead: boolean;
  /** A copy of it turned out to be wrong: it must come from the store itself. */
  readonly fresh: boolean;
}

/** Where a frame begins that is known to be damaged. */
export interface BadPlace {
  /** 32 hex digits. */
  readonly pack: string;
  readonly offset: number;
}

export interface Run<Outcome, Progress> {
  progress(): Progress;
  cancel(): void;
  readonly finished: Promise<Outcome>;
}

/** What a run gives out for each pack that it has finished. */
export type OnPack = (pack: { seq: number; id: string; path: string; bytes: number; frames: number }) => void;

/** A run that makes packs; it ends when each of them was answered for. */
export interface PackingRun<Outcome, Progress> extends Run<Outcome, Progress> {
  packStored(seq: number): void;
  packFailed(seq: number): void;
}

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

export interface PackPlace {
  /** The repository's `packs` folder; a pack is at `<folder>/<last two digits>/<id>`. For messages when they lie elsewhere. */
  readonly folder: string;
  readonly remote?: Remote;
}

/** Whether copies share blocks with what they are copied from (reflink): where the file system can, always, or not at all. */
export type Clone = 'auto' | 'require' | 'never';

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

/** A file, a device or an export, for reading single places of it; opaque. */
export interface SourceReader {
  readonly __sourceReader: never;
}

/** A disk that an NBD server exports, connected; opaque. */
export interface NbdExport {
  readonly __nbdExport: never;
}

export interface NbdOptions {
  /** As reports show it. */
  readonly path: string;
  /** Path of a unix socket, or '' with a host and a port. */
  readonly socket: string;
  readonly host: string;
  readonly port: string;
  /** Of the export. */
  readonly name: string;
  /** Folder with ca-cert.pem, for TLS; '' without. */
  readonly certificates: string;
  /** Meta contexts to ask for. */
  readonly contexts: readonly string[];
  /** Milliseconds that the server may be silent, and that a broken connection is tried anew. */
  readonly patience: number;
}

export interface NbdFacts {
  /** Bytes. */
  readonly size: number;
  readonly readOnly: boolean;
  /** Those asked for that the server has. */
  readonly contexts: readonly string[];
  /** That are there now; and how often one was lost and made again. */
  readonly connections: number;
  readonly losses: number;
}

/** Cache and threads that all open points of a process share; opaque. */
export interface ReadStore {
  readonly __readStore: never;
}

/** A point whose chain was merged into one map; opaque. */
export interface OpenPoint {
  readonly __openPoint: never;
}

/** Bytes that can be read at any place: an image of a point, or an overlay on one; opaque. */
export interface Content {
  readonly __content: never;
}

/** How one reader goes through a content; what it will read next is guessed from it. Opaque. */
export interface Stream {
  readonly __stream: never;
}

export interface ReadStoreCounters {
  readonly hits: number;
  readonly misses: number;
  readonly cachedBlocks: number;
  /** Blocks that are in use, cached ones included. */
  readonly buffers: number;
}

/** Segments of an image, in order (src/mount/formats/segment.ts). */
export interface ImageOptions {
  readonly point: OpenPoint;
  /** Of each segment: 0 literal, 1 range of the disk, 2 zeros. */
  readonly kinds: Uint8Array;
  /** Where each begins in the image. */
  readonly starts: Float64Array;
  /** Where each is taken from: the offset in `literals`, or on the disk. */
  readonly sources: Float64Array;
  readonly literals: Uint8Array;
  readonly size: number;
}

/** An entry of a mount's tree; folders come before what is in them. */
export interface TreeEntry {
  /** From the mount's root, without a slash at its beginning. */
  readonly path: string;
  readonly kind: 'folder' | 'link' | 'text' | 'image';
  /** When it changed: seconds since 1970. */
  readonly seconds: number;
  /** Target of a link; content of a text file. */
  readonly text?: string;
  /** Of an image, and of a folder whose entries are made when it is looked into: the number that `prepare` names. 0: made. */
  readonly image?: number;
  /** Bytes of an image, when they are known without it. */
  readonly size?: number;
  readonly writable?: boolean;
  /** Extended attributes, by the part of their name after `user.strata.`. */
  readonly attributes?: Readonly<Record<string, string>>;
}

export type SessionEvent =
  /** The kernel is being answered. */
  | { readonly event: 'ready' }
  /** Somebody waits for an image or a folder: answer with `provide` or `refuse`. */
  | { readonly event: 'prepare'; readonly image: number }
  /** A read failed with EIO. */
  | {
      readonly event: 'damaged';
      readonly image: number;
      readonly offset: number;
      readonly length: number;
      readonly code: string;
      readonly message: string;
    };

export interface SessionOptions {
  readonly mountPoint: string;
  /** What the mount table shows as its source. */
  readonly name: string;
  readonly allowOther: boolean;
  readonly writable: boolean;
  readonly tree: readonly TreeEntry[];
  readonly onEvent: (event: SessionEvent) => void;
}

/** A FUSE mount of this process, which must never touch it itself. */
export interface Session {
  /** Settles when the mount is gone, whoever unmounted it. */
  readonly finished: Promise<void>;
  /** Shows another tree from now on. */
  replace(tree: readonly TreeEntry[]): void;
  /** Answers a `prepare`. */
  provide(image: number, content: Content): void;
  /** Answers a `prepare` with an errno; 0 for a folder: `replace` has made its entries. */
  refuse(image: number, errno: number): void;
  /** Lets go of an image, so that it is asked for anew; false when somebody has it open or waits for it. */
  release(image: number): boolean;
  /** Lets go of the mount, whoever uses it. */
  stop(): void;
  counters(): {
    readonly reads: number;
    readonly bytes: number;
    readonly errors: number;
    /** Open files. */
    readonly handles: number;
    /** Images kept open. */
    readonly images: number;
    /** Readers that wait for an image. */
    readonly waiting: number;
  };
}

export interface ExportProgress {
  readonly position: number;
  readonly bytesWritten: number;
}

export interface Native {
  /** `memory`: bytes of what was delivered that are kept. */
  openRemote(options: { memory: number; onRequest: (request: FetchRequest) => void }): Remote;
  /** The bytes of a request, fewer when the object ends before. `copied`: some are copies; when they are wrong they are asked for again. */
  remoteDeliver(remote: Remote, number: number, bytes: Uint8Array, copied: boolean): void;
  remoteTellSize(remote: Remote, number: number, bytes: number): void;
  remoteFail(remote: Remote, number: number, error: { code: string; message: string; path: string }): void;
  /** Whoever reads, or will, gets CANCELLED. */
  closeRemote(remote: Remote): void;
  /** scrypt of bytes: RFC 7914. `N` a power of two, `length` up to 64 bytes. Rejects with NATIVE_ARGUMENT, OUT_OF_MEMORY. */
  deriveKey(options: {
    passphrase: Uint8Array;
    salt: Uint8Array;
    N: number;
    r: number;
    p: number;
    length: number;
  }): Promise<Buffer>;
  createVault(master: Uint8Array, sealed: boolean): Vault;
  /** Compresses and seals a small object; `type` from `frameType`. */
  sealFrame(vault: Vault, type: number, context: string, raw: Uint8Array): Buffer;
  /** Throws FRAME_DAMAGED when anything does not fit. */
  openFrame(vault: Vault, type: number, context: string, frame: Uint8Array): Buffer;
  /** Builds the index from the packs, with `cacheFile` (made anew when it does not fit). Frames of `bad` are never found. */
  openDedupIndex(options: {
    vault: Vault;
    packs: readonly PackRef[];
    cacheFile: string;
    memoryLimit: number;
    bad: readonly BadPlace[];
  }): Promise<DedupIndex>;
  startBackup(options: BackupOptions): BackupRun;
  /** For reading single places just as a backup reads all: a device past the machine's cache, which may be old. Throws SOURCE_OPEN. */
  openSource(options: { source: string | NbdExport; kind: 'file' | 'device' | 'nbd'; size: number }): SourceReader;
  /** Exactly so many bytes, at most 64 MiB, which must lie within the size. Rejects with SOURCE_READ, SOURCE_SIZE_CHANGED. */
  readSource(source: SourceReader, range: { offset: number; length: number }): Promise<Buffer>;
  closeSource(source: SourceReader): void;
  /** Connects. Rejects with LIBNBD_MISSING, SOURCE_UNREACHABLE, SOURCE_EXPORT_MISSING. */
  openNbd(options: NbdOptions): Promise<NbdExport>;
  nbdFacts(opened: NbdExport): NbdFacts;
  /** What has any flag of a context: offset, length, offset, length … Rejects with SOURCE_READ, SOURCE_LOST, SOURCE_SIZE_CHANGED. */
  nbdFlagged(opened: NbdExport, context: string): Promise<Float64Array>;
  closeNbd(opened: NbdExport): void;
  /** Version of libnbd; null where it cannot be loaded. */
  nbdLibrary(): string | null;
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
  startRestore(options: RestoreOptions): Run<RestoreOutcome, RestoreProgress>;
  startVerify(options: VerifyOptions): Run<VerifyOutcome, VerifyProgress>;
  /** Makes one column of a map from the other and the packs. Rejects with MAP_MISSING, MAP_DAMAGED when the other is not whole. */
  startRebuild(options: RebuildOptions): Run<RebuildOutcome, RebuildProgress>;
  /** Teaches an index the frames of packs whose own index is damaged, by the frames' headers; returns how many it did not know. */
  indexFrames(options: { dedup: DedupIndex; packs: readonly PackRef[]; bad: readonly BadPlace[] }): Promise<number>;
  /** Copies the whole frames of a pack, sealed as they are, to a new pack `id` at `path`, which is not made when there are none. */
  salvagePack(options: {
    vault: Vault;
    pack: PackRef;
    id: string;
    path: string;
  }): Promise<{ readonly frames: number; readonly bytes: number }>;
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
  openReadStore(options: {
    vault: Vault;
    packs: PackPlace;
    blockSize: number;
    cacheBytes: number;
    /** That open blocks ahead; 0 = by the machine. */
    threads: number;
  }): ReadStore;
  readStoreCounters(store: ReadStore): ReadStoreCounters;
  /** Merges a chain into a map, which lies in a nameless file in `folder`. */
  openPoint(options: { store: ReadStore; chain: Chain; size: number; folder: string }): Promise<OpenPoint>;
  /** Ranges of a point's disk that hold data: offset, length, offset, length …, of whole blocks. */
  pointExtents(point: OpenPoint): Promise<Float64Array>;
  openImage(options: ImageOptions): Content;
  /** Writes over `content` that go to an open file; its head and the places of its parts are the caller's (src/mount/overlay.ts). */
  openOverlay(options: { content: Content; path: string; fd: number; bitsOffset: number; dataOffset: number }): Content;
  /** Ranges that were written to an overlay. */
  overlayWritten(overlay: Content): readonly (readonly [number, number])[];
  openStream(): Stream;
  contentSize(content: Content): number;
  /** Up to 32 MiB, which must lie within the size; into the beginning of `into` when that is given, which is returned. */
  readAt(content: Content, range: { offset: number; length: number }, stream?: Stream, into?: Buffer): Promise<Buffer>;
  writeAt(content: Content, at: { offset: number }, bytes: Uint8Array): Promise<void>;
  zeroAt(content: Content, range: { offset: number; length: number }): Promise<void>;
  flush(content: Content): Promise<void>;
  /** Lengths of the runs of a range, in order and at most `most` of them: data positive, zeros negative. */
  contentRuns(content: Content, range: { offset: number; length: number; most: number }): Promise<Float64Array>;
  /** Writes a content to a new, empty file; zeros become holes when `sparse`. */
  startExport(options: {
    content: Content;
    fd: number;
    sparse: boolean;
  }): Run<ExportProgress & { readonly cancelled: boolean }, ExportProgress>;
  /** Mounts; throws MOUNT_FAILED. */
  startSession(options: SessionOptions): Session;
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
  /** Ids of the packs that a `.loc` column refers to. */
  packsOf(vault: Vault, column: ColumnRef): Promise<readonly string[]>;
  /** Versions and processor features, for `doctor`. */
  about(): { zstd: string; openssl: string; features: readonly string[]; threads: number };
}

const require = createRequire(import.meta.url);

/** The addon; loading fails with a plain error when it was not built. */
export const native: Native = require('../native/build/Release/strata.node') as Native;
