/** Open points, the images that are made of them, and overlays. */
import type { Chain, PackPlace } from './maps.ts';
import type { Run } from './run.ts';
import type { Vault } from './vault.ts';

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

export interface ExportProgress {
  readonly position: number;
  readonly bytesWritten: number;
}

export interface NativeImages {
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
}
