/**
 * Serves one mount: the tree of points, refreshed as they come and go, and the images and folders that are asked for.
 * The process that serves a mount never touches it: a read of its own would wait for itself.
 *
 * What is open is kept by a reading that is announced in the repository. It is renewed from time to time: what was open
 * before is let go then unless its point is kept and lies where it lay, which the new reading keeps as well. Only when
 * somebody has a file of another point open the reading before goes on.
 */
import { constants } from 'node:os';
import { LRUCache } from 'lru-cache';
import { errnoOf, isStrataError, reasonOf } from '../errors.ts';
import type { Session, SessionEvent, TreeEntry } from '../native/session.ts';
import type { Emit } from '../repository/events.ts';
import type { Partition } from '../repository/layout/partition.ts';
import { listPoints, type Point } from '../repository/points.ts';
import type { LongReading } from '../repository/reading.ts';
import type { Repository } from '../repository/repository.ts';
import { formats } from './formats/formats.ts';
import type { OpenPoints } from './open-points.ts';
import type { Shown } from './shown.ts';
import { buildTree, differenceFile, type ImageFile, ImageNumbers } from './tree.ts';

/** In milliseconds. */
export interface Periods {
  /** Between looks for new points. */
  readonly refresh: number;
  /** Between renewals of the reading. */
  readonly renewal: number;
}

const usualPeriods: Periods = { refresh: 2000, renewal: 3_600_000 };

export class MountServer implements Shown {
  readonly #repo: Repository;
  readonly #open: OpenPoints;
  readonly #reading: LongReading;
  readonly #emit: Emit;
  readonly #periods: Periods;
  readonly #numbers = new ImageNumbers();
  readonly #partitions = new Map<string, readonly Partition[]>();
  /** Images that native was given, by number: where all lies that they show. */
  readonly #given = new Map<number, string>();
  /** What is being made for native. */
  readonly #preparing = new Set<Promise<void>>();
  /** Damage that was told of lately. */
  readonly #told = new LRUCache<string, true>({ max: 1000 });
  #points: readonly Point[] = [];
  /** What the points and marks were when `#points` was listed. */
  #seen = '';
  #session: Session | undefined;
  #timer: NodeJS.Timeout | undefined;
  #refreshing: Promise<void> = Promise.resolve();
  /** By performance.now(). */
  #renewed = performance.now();

  constructor(repo: Repository, open: OpenPoints, reading: LongReading, emit: Emit, periods = usualPeriods) {
    this.#repo = repo;
    this.#open = open;
    this.#reading = reading;
    this.#emit = emit;
    this.#periods = periods;
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
        if (this.#session !== undefined) this.#timer = setTimeout(refresh, this.#periods.refresh);
      });
    };
    this.#timer = setTimeout(refresh, this.#periods.refresh);
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
      case 'prepare': {
        const preparing = this.#prepare(event.image).finally(() => this.#preparing.delete(preparing));
        this.#preparing.add(preparing);
        break;
      }
      case 'damaged': {
        const { offset, length, code, message } = event;
        this.#tellDamage(event.image, { offset, length, code, message });
        break;
      }
    }
  };

  async #prepare(number: number): Promise<void> {
    const file = this.#numbers.file(number);
    // It was forgotten a moment ago, and may go at any time.
    if (file !== undefined && !this.#points.some(({ id }) => id === file.point.id)) {
      this.#session?.refuse(number, constants.errno.ENOENT);
      return;
    }
    try {
      if (file === undefined) throw new Error(`no image has number ${number}`);
      if (file.kind === 'partitions') {
        this.#partitions.set(file.point.id, await this.#open.partitions(file.point));
        this.#session?.replace(this.#build());
        this.#session?.refuse(number, 0);
      } else {
        const { content, places } = await this.#open.prepare(file);
        this.#given.set(number, places);
        this.#session?.provide(number, content);
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
    if (this.#session === undefined) return;
    if (seen !== this.#seen) {
      await this.#list();
      this.#seen = seen;
      this.#session?.replace(this.#build());
    }
    if (performance.now() < this.#renewed + this.#periods.renewal) return;
    this.#renewed = performance.now();
    await this.#reading.renew(() => this.#letGo());
  }

  /** Lets go of what only the reading before keeps; false when some of it is in use. */
  async #letGo(): Promise<boolean> {
    await this.#list();
    this.#session?.replace(this.#build());
    // What was begun before the new reading is looked at, too.
    await Promise.allSettled(this.#preparing);
    const used = new Set([...this.#open.ids, ...[...this.#given.keys()].map((number) => this.#pointOf(number))]);
    const places = await this.#open.placesOf(this.#points.filter(({ id }) => used.has(id)));
    await this.#open.keepOnly(places);
    await Promise.allSettled(this.#preparing);
    const shown = new Set(this.#points.map(({ id }) => id));
    let all = true;
    for (const [number, given] of [...this.#given]) {
      const point = this.#pointOf(number);
      // What was opened just now, and not before, is as it should be.
      if (shown.has(point) && given === (places.get(point) ?? given)) continue;
      if (this.#session?.release(number)) this.#given.delete(number);
      else all = false;
    }
    return all;
  }

  #pointOf(number: number): string {
    return this.#numbers.file(number)?.point.id ?? '';
  }

  /** Points and marks are never changed, only made and removed: their names tell whether anything is new. */
  async #look(): Promise<string> {
    const names: string[] = [];
    for (const prefix of ['points/', 'marks/']) {
      for await (const name of this.#repo.store.names(prefix)) names.push(name);
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
