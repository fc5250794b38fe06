/**
 * Serves one mount: the tree of points, refreshed as they come and go, and the images and folders that are asked for.
 * The process that serves a mount never touches it: a read of its own would wait for itself.
 */
import { constants } from 'node:os';
import { LRUCache } from 'lru-cache';
import { errnoOf, isStrataError, reasonOf } from '../errors.ts';
import type { Session, SessionEvent, TreeEntry } from '../native.ts';
import type { Emit } from '../repository/events.ts';
import type { Partition } from '../repository/layout/partition.ts';
import { listPoints, type Point } from '../repository/points.ts';
import type { Repository } from '../repository/repository.ts';
import { formats } from './formats/formats.ts';
import type { OpenPoints } from './open-points.ts';
import type { Shown } from './shown.ts';
import { buildTree, differenceFile, type ImageFile, ImageNumbers } from './tree.ts';

/** Milliseconds between looks for new points. */
const refreshPeriod = 2000;

export class MountServer implements Shown {
  readonly #repo: Repository;
  readonly #open: OpenPoints;
  readonly #emit: Emit;
  readonly #numbers = new ImageNumbers();
  readonly #partitions = new Map<string, readonly Partition[]>();
  /** Damage that was told of lately. */
  readonly #told = new LRUCache<string, true>({ max: 1000 });
  #points: readonly Point[] = [];
  /** What the points and marks were when `#points` was listed. */
  #seen = '';
  #session: Session | undefined;
  #timer: NodeJS.Timeout | undefined;
  #refreshing: Promise<void> = Promise.resolve();

  constructor(repo: Repository, open: OpenPoints, emit: Emit) {
    this.#repo = repo;
    this.#open = open;
    this.#emit = emit;
  }

  async tree(): Promise<readonly TreeEntry[]> {
    this.#seen = await this.#look();
    await this.#list();
    return this.#build();
  }

  attach(session: Session): void {
    this.#session = session;
    const refresh = () => {
      this.#refreshing = this.#refresh().catch((error: unknown) => {
        this.#emit({
          event: 'warning',
          code: 'REFRESH',
          message: `the list of points is not refreshed: ${reasonOf(error)}`,
        });
      });
      void this.#refreshing.finally(() => {
        if (this.#session !== undefined) this.#timer = setTimeout(refresh, refreshPeriod);
      });
    };
    this.#timer = setTimeout(refresh, refreshPeriod);
  }

  async detach(): Promise<void> {
    this.#session = undefined;
    clearTimeout(this.#timer);
    await this.#refreshing;
  }

  readonly hear = (event: SessionEvent): void => {
    switch (event.event) {
      case 'ready':
        break;
      case 'prepare':
        void this.#prepare(event.image);
        break;
      case 'damaged': {
        const { offset, length, code, message } = event;
        this.#tellDamage(event.image, { offset, length, code, message });
        break;
      }
    }
  };

  async #prepare(number: number): Promise<void> {
    const file = this.#numbers.file(number);
    try {
      if (file === undefined) throw new Error(`no image has number ${number}`);
      if (file.kind === 'partitions') {
        this.#partitions.set(file.point.id, await this.#open.partitions(file.point));
        this.#session?.replace(this.#build());
        this.#session?.refuse(number, 0);
      } else {
        this.#session?.provide(number, await this.#open.image(file));
      }
    } catch (error) {
      this.#tellDamage(number, { code: isStrataError(error) ? error.code : 'UNEXPECTED', message: reasonOf(error) });
      this.#session?.refuse(number, isStrataError(error) ? errnoOf(error) : constants.errno.EIO);
    }
  }

  #tellDamage(
    number: number,
    damage: { readonly code: string; readonly message: string; readonly offset?: number; readonly length?: number },
  ): void {
    // The kernel asks again for each page of a block: one line for each block is enough.
    const place = damage.offset === undefined ? '' : Math.floor(damage.offset / this.#repo.config.blockSize);
    const key = `${number} ${damage.code} ${place}`;
    if (this.#told.has(key)) return;
    this.#told.set(key, true);
    const file = this.#numbers.file(number);
    this.#emit({
      event: 'damaged',
      point: file?.point.id ?? '',
      file: file === undefined ? '' : nameOf(file),
      ...damage,
    });
  }

  async #refresh(): Promise<void> {
    const seen = await this.#look();
    if (seen === this.#seen || this.#session === undefined) return;
    await this.#list();
    this.#seen = seen;
    this.#session?.replace(this.#build());
  }

  /** Points and marks are never changed, only made and removed: their names tell whether anything is new. */
  async #look(): Promise<string> {
    const names: string[] = [];
    for (const prefix of ['points/', 'marks/']) {
      for await (const { name } of this.#repo.store.list(prefix)) names.push(name);
    }
    return names.sort().join('\n');
  }

  async #list(): Promise<void> {
    const { points, damaged } = await listPoints(this.#repo);
    this.#points = points;
    for (const { name, code, message } of damaged)
      this.#emit({ event: 'damaged', point: name, file: '', code, message });
  }

  #build(): readonly TreeEntry[] {
    return buildTree(this.#points, this.#partitions, this.#numbers);
  }
}

function nameOf(file: ImageFile): string {
  switch (file.kind) {
    case 'format':
      return formats[file.format].fileName;
    case 'difference':
      return differenceFile;
    case 'partition':
      return `partitions/${file.partition.number}.raw`;
    case 'partitions':
      return 'partitions';
  }
}
