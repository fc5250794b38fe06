/** The points that a process has open, and the images made of them. All share one cache of opened blocks. */
import { mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { LRUCache } from 'lru-cache';
import { fromNative, fromSystem } from '../errors.ts';
import { type Content, native, type OpenPoint, type ReadStore, type ReadStoreCounters } from '../native.ts';
import { chainOf } from '../repository/chain.ts';
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

export class OpenPoints {
  readonly #repo: Repository;
  readonly #store: ReadStore;
  readonly #folder: string;
  readonly #points = new LRUCache<string, Promise<OpenPoint>>({ max: keptOpen });

  private constructor(repo: Repository, store: ReadStore, folder: string) {
    this.#repo = repo;
    this.#store = store;
    this.#folder = folder;
  }

  /** Makes the cache. `cacheBytes`: memory for opened blocks. */
  static async create(repo: Repository, cacheBytes = defaultCacheBytes): Promise<OpenPoints> {
    const caches = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
    const folder = join(caches, 'strata', repo.config.id);
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
    } catch (error) {
      throw fromSystem(error, `cannot make the cache folder ${folder}`);
    }
    const packs = { folder: repo.store.localPath('packs') };
    const { blockSize } = repo.config;
    const store = native.openReadStore({ vault: repo.vault, packs, blockSize, cacheBytes, threads: 0 });
    return new OpenPoints(repo, store, folder);
  }

  counters(): ReadStoreCounters {
    return native.readStoreCounters(this.#store);
  }

  /** A point with its chain merged. */
  open(point: Point): Promise<OpenPoint> {
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
    const open = await this.open(file.point);
    if (file.kind === 'partition') {
      const { offset, length } = file.partition;
      return openImage(open, { size: length, segments: [{ kind: 'disk', offset, length }] });
    }
    const disk = await this.disk(file.point);
    if (file.kind === 'format') return openImage(open, formats[file.format].layout(disk));
    const { extents } = await diffPoints(this.#repo, file.point, file.parent);
    const changed = Float64Array.from(extents.flat());
    return openImage(open, differencingLayout(disk, changed, parentImage(file.parent)));
  }

  /** What formats know of a point. */
  async disk(point: Point): Promise<PointDisk> {
    return { ...diskWithoutData(point), data: await native.pointExtents(await this.open(point)) };
  }

  /** The partitions of a point's disk. */
  async partitions(point: Point): Promise<readonly Partition[]> {
    const { layers } = await chainOf(this.#repo, point.manifest, ['loc']);
    const read = contentReader(this.#repo, point.manifest, layers);
    return (await readPartitionTable(read, point.size)).partitions;
  }

  async #merge(point: Point): Promise<OpenPoint> {
    const { layers } = await chainOf(this.#repo, point.manifest, ['loc']);
    try {
      return await native.openPoint({ store: this.#store, chain: layers, size: point.size, folder: this.#folder });
    } catch (error) {
      throw fromNative(error, `point ${point.id}`);
    }
  }
}
