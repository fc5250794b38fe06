/** The points that a process has open, and the images made of them. All share one cache of opened blocks. */
import { mkdir } from 'node:fs/promises';
import { LRUCache } from 'lru-cache';
import { fromNative, fromSystem } from '../errors.ts';
import type { Content, OpenPoint, ReadStore, ReadStoreCounters } from '../native/images.ts';
import type { Chain } from '../native/maps.ts';
import { native } from '../native.ts';
import { cachePath } from '../repository/caches.ts';
import { chainOf, KnownLinks } from '../repository/chain.ts';
import { contentReader } from '../repository/content.ts';
import { diffPoints } from '../repository/diff.ts';
import { readPartitionTable } from '../repository/layout/layout.ts';
import type { Partition } from '../repository/layout/partition.ts';
import type { Point } from '../repository/points.ts';
import type { Repository } from '../repository/repository.ts';
import { formats } from './formats/formats.ts';
import type { PointDisk } from './formats/segment.ts';
import { differencingLayout } from './formats/vhdx-differencing.ts';
import { openImage } from './image.ts';
import { diskWithoutData, type ImageFile, parentImage } from './tree.ts';

/** Points kept open when nobody reads them; an open one costs a descriptor and room in the cache folder. */
const keptOpen = 32;

/** Memory for opened blocks, unless it is said otherwise. */
export const defaultCacheBytes = 256 * 1024 * 1024;

/** A point with its chain merged. */
interface Opened {
  readonly point: OpenPoint;
  /** Where the maps of its chain lay. */
  readonly places: string;
}

/** An image, and what it stands on: as long as `places` are those of its point, the point being kept keeps it, too. */
export interface PreparedImage {
  readonly content: Content;
  readonly places: string;
}

export class OpenPoints {
  readonly #repo: Repository;
  readonly #store: ReadStore;
  readonly #folder: string;
  readonly #points = new LRUCache<string, Promise<Opened>>({ max: keptOpen });

  private constructor(repo: Repository, store: ReadStore, folder: string) {
    this.#repo = repo;
    this.#store = store;
    this.#folder = folder;
  }

  /** Makes the cache. `cacheBytes`: memory for opened blocks. */
  static async create(repo: Repository, cacheBytes = defaultCacheBytes): Promise<OpenPoints> {
    const folder = cachePath(repo.config.id);
    await makeCacheFolder(folder);
    const { packs } = repo.store;
    const { blockSize } = repo.config;
    const store = native.openReadStore({ vault: repo.vault, packs, blockSize, cacheBytes, threads: 0 });
    return new OpenPoints(repo, store, folder);
  }

  counters(): ReadStoreCounters {
    return native.readStoreCounters(this.#store);
  }

  /** A point with its chain merged. */
  async open(point: Point): Promise<OpenPoint> {
    return (await this.#opened(point)).point;
  }

  /** Points that are open, or being opened. */
  get ids(): readonly string[] {
    return [...this.#points.keys()];
  }

  /** Where the maps of the chains of these points lie now, by id. */
  async placesOf(points: readonly Point[]): Promise<ReadonlyMap<string, string>> {
    const known = new KnownLinks();
    const places = new Map<string, string>();
    for (const { id, manifest } of points) {
      places.set(id, placesIn((await chainOf(this.#repo, manifest, ['loc'], known)).layers));
    }
    return places;
  }

  /** Lets go of the points that lie elsewhere than `places` says, or nowhere: who asks for one again has it opened anew. */
  async keepOnly(places: ReadonlyMap<string, string>): Promise<void> {
    for (const [id, opening] of [...this.#points.entries()]) {
      const opened = await opening.catch(() => null);
      if (opened?.places !== places.get(id) && this.#points.peek(id) === opening) this.#points.delete(id);
    }
  }

  #opened(point: Point): Promise<Opened> {
    const known = this.#points.get(point.id);
    if (known !== undefined) return known;
    const opening = this.#merge(point);
    this.#points.set(point.id, opening);
    // What failed is tried again by the next who asks.
    opening.catch(() => this.#points.delete(point.id));
    return opening;
  }

  /** The content of an image file. */
  async image(file: Exclude<ImageFile, { kind: 'partitions' }>): Promise<Content> {
    return (await this.prepare(file)).content;
  }

  /** The content of an image file, with what it stands on. */
  async prepare(file: Exclude<ImageFile, { kind: 'partitions' }>): Promise<PreparedImage> {
    const { point, places } = await this.#opened(file.point);
    return { content: await this.#imageOf(point, file), places };
  }

  async #imageOf(open: OpenPoint, file: Exclude<ImageFile, { kind: 'partitions' }>): Promise<Content> {
    if (file.kind === 'partition') {
      const { offset, length } = file.partition;
      return openImage(open, { size: length, segments: [{ kind: 'disk', offset, length }] });
    }
    const disk = await diskOf(file.point, open);
    if (file.kind === 'format') return openImage(open, formats[file.format].layout(disk));
    const { extents } = await diffPoints(this.#repo, file.point, file.parent);
    const changed = Float64Array.from(extents.flat());
    return openImage(open, differencingLayout(disk, changed, parentImage(file.parent)));
  }

  /** What formats know of a point. */
  async disk(point: Point): Promise<PointDisk> {
    return diskOf(point, await this.open(point));
  }

  /** The partitions of a point's disk. */
  async partitions(point: Point): Promise<readonly Partition[]> {
    const { layers } = await chainOf(this.#repo, point.manifest, ['loc']);
    const read = contentReader(this.#repo, point.manifest, layers);
    return (await readPartitionTable(read, point.size)).partitions;
  }

  async #merge({ id, size, manifest }: Point): Promise<Opened> {
    const { layers } = await chainOf(this.#repo, manifest, ['loc']);
    // It may have been deleted since the last one was opened.
    await makeCacheFolder(this.#folder);
    try {
      const point = await native.openPoint({ store: this.#store, chain: layers, size, folder: this.#folder });
      return { point, places: placesIn(layers) };
    } catch (error) {
      throw fromNative(error, `point ${id}`);
    }
  }
}

async function makeCacheFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw fromSystem(error, `cannot make the cache folder ${folder}`);
  }
}

async function diskOf(point: Point, open: OpenPoint): Promise<PointDisk> {
  return { ...diskWithoutData(point), data: await native.pointExtents(open) };
}

/** A map that is written anew has a name of its own. */
function placesIn(layers: Chain): string {
  return layers.map(({ loc }) => loc.path).join('\n');
}
