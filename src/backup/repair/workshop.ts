/**
 * Where columns are made anew: a folder for them, an index over all frames that are not known to be damaged, and what is
 * learnt about frames on the way. Nothing in it writes to the repository.
 */
import { join } from 'node:path';
import { fail, fromNative } from '../../errors.ts';
import type { DedupIndex } from '../../native/backup.ts';
import type { BadPlace, ColumnRef, PackRef } from '../../native/maps.ts';
import type { RebuildOutcome } from '../../native/restore.ts';
import { native } from '../../native.ts';
import type { Column } from '../../repository/chain.ts';
import type { Emit } from '../../repository/events.ts';
import type { Repository } from '../../repository/repository.ts';
import { watch } from '../../repository/watch.ts';
import type { OwnMap } from './inventory.ts';

/** Memory of the index. */
const indexMemory = 96 * 1024 * 1024;

export class Workshop {
  readonly repo: Repository;
  readonly signal: AbortSignal;
  readonly #packs: Map<string, PackRef>;
  /** Packs that others were made for. */
  readonly #replaced = new Set<string>();
  readonly #folder: string;
  readonly #emit: Emit;
  readonly #bad = new Map<string, BadPlace>();
  readonly #named = new Map<string, Promise<readonly string[]>>();
  #index: DedupIndex | null = null;
  #made = 0;

  constructor(
    repo: Repository,
    folder: string,
    stock: { readonly packs: ReadonlyMap<string, PackRef>; readonly bad: readonly BadPlace[] },
    { emit, signal }: { readonly emit: Emit; readonly signal: AbortSignal },
  ) {
    this.repo = repo;
    this.#packs = new Map(stock.packs);
    this.signal = signal;
    this.#folder = folder;
    this.#emit = emit;
    this.learn(stock.bad, []);
  }

  /** Frames that are damaged, as far as is known by now. */
  get bad(): readonly BadPlace[] {
    return [...this.#bad.values()];
  }

  /** Takes in which frames were found damaged, and which good. */
  learn(bad: readonly BadPlace[], good: readonly BadPlace[]): void {
    for (const place of good) this.#bad.delete(keyOf(place));
    for (const place of bad) this.#bad.set(keyOf(place), place);
    if (bad.length + good.length > 0) this.#closeIndex();
  }

  /** Packs whose index cannot be read. */
  async packsWithoutIndex(): Promise<readonly string[]> {
    return (await this.#openIndex()).skipped;
  }

  /** The packs that a location column names. */
  packsOf(loc: ColumnRef): Promise<readonly string[]> {
    const named = this.#named.get(loc.path) ?? this.#readNamed(loc);
    this.#named.set(loc.path, named);
    return named;
  }

  /** Those of them that are not there. */
  async missingPacks(loc: ColumnRef): Promise<readonly string[]> {
    return (await this.packsOf(loc)).filter((id) => !this.#packs.has(id));
  }

  /** Copies what is whole of a pack to a new one; null when nothing is. */
  async salvage(pack: string, id: string): Promise<{ readonly path: string; readonly bytes: number } | null> {
    const from = this.#packs.get(pack);
    if (from === undefined) return null;
    const path = this.#newFile(id);
    try {
      const { frames, bytes } = await native.salvagePack({ vault: this.repo.vault, pack: from, id, path });
      return frames > 0 ? { path, bytes } : null;
    } catch (error) {
      throw fromNative(error, from.path);
    }
  }

  /** From now on places in a pack are looked for anew: what was whole in it lies in `made`, too. */
  replacePack(pack: string, made: PackRef): void {
    this.#replaced.add(pack);
    this.#packs.set(made.id, made);
    this.#closeIndex();
  }

  /** Whether a pack was made for one that a location column names. */
  async isReplaced(loc: ColumnRef): Promise<boolean> {
    return (await this.packsOf(loc)).some((id) => this.#replaced.has(id));
  }

  /** Makes a column of a map from the other one; of a location column as often as what is found turns out to be damaged. */
  async rebuild(map: OwnMap, column: Column): Promise<RebuildOutcome> {
    for (;;) {
      const outcome = await this.#rebuildOnce(map, column);
      this.learn(outcome.bad, []);
      if (column === 'dig' || outcome.bad.length === 0) return outcome;
    }
  }

  close(): void {
    this.#closeIndex();
  }

  async #rebuildOnce({ manifest, layer, wrong }: OwnMap, column: Column): Promise<RebuildOutcome> {
    const { repo, signal } = this;
    const loc = wrong.loc === null ? layer.loc : null;
    const missingPacks = loc === null ? [] : [...(await this.missingPacks(loc)), ...this.#replaced];
    const dedup = column === 'loc' ? await this.#openIndex() : null;
    try {
      const run = native.startRebuild({
        vault: repo.vault,
        column,
        loc,
        dig: column === 'loc' ? layer.dig : null,
        packs: repo.store.packs,
        size: manifest.size,
        blockSize: manifest.blockSize,
        dedup,
        missingPacks,
        badPlaces: this.bad,
        path: this.#newFile(`${manifest.id}.${column}`),
        threads: 0,
      });
      const outcome = await watch(run, signal, ({ position, bytesRead }) =>
        this.#emit({ event: 'progress', position, total: manifest.size, bytesRead }),
      );
      if (outcome.cancelled) throw fail('INTERRUPTED', { action: 'the repair' });
      return outcome;
    } catch (error) {
      throw fromNative(error, `point ${manifest.id}`);
    }
  }

  async #readNamed(loc: ColumnRef): Promise<readonly string[]> {
    try {
      return await native.packsOf(this.repo.vault, loc);
    } catch (error) {
      throw fromNative(error, loc.path);
    }
  }

  /** An index of all frames that are not known to be damaged, those of packs without an index by their own headers. */
  async #openIndex(): Promise<DedupIndex> {
    if (this.#index !== null) return this.#index;
    const { bad, repo } = this;
    const packs = [...this.#packs.values()].filter(({ id }) => !this.#replaced.has(id));
    const options = { vault: repo.vault, packs, memoryLimit: indexMemory, bad };
    try {
      // A file of its own: the cache of backups keeps only one place of each digest.
      const dedup = await native.openDedupIndex({ ...options, cacheFile: this.#newFile('index') });
      this.#index = dedup;
      const without = dedup.skipped.flatMap((id) => this.#packs.get(id) ?? []);
      if (without.length > 0) await native.indexFrames({ dedup, packs: without, bad });
      return dedup;
    } catch (error) {
      throw fromNative(error, repo.location);
    }
  }

  #closeIndex(): void {
    this.#index?.close();
    this.#index = null;
  }

  #newFile(name: string): string {
    this.#made += 1;
    return join(this.#folder, `${name}.${this.#made}`);
  }
}

function keyOf({ pack, offset }: BadPlace): string {
  return `${pack} ${offset}`;
}
