/**
 * A repository and what it should hold: every action is done to both, and `check` compares them. The model is a list of
 * points with their contents in memory; it knows nothing of maps, packs or chains.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { backup } from '../../src/backup/backup.ts';
import { verify } from '../../src/backup/verify.ts';
import { chainOf } from '../../src/repository/chain.ts';
import { type CollectionResult, collect } from '../../src/repository/collection/collect.ts';
import { undelete } from '../../src/repository/collection/undelete.ts';
import { contentReader } from '../../src/repository/content.ts';
import { forgetPoints } from '../../src/repository/forget.ts';
import { type Here, thisProcess } from '../../src/repository/here.ts';
import { writeMark } from '../../src/repository/marks.ts';
import { listPoints, readManifest } from '../../src/repository/points.ts';
import type { Repository } from '../../src/repository/repository.ts';
import type { SynthesisMode } from '../../src/synth/plan.ts';
import { type SynthesisResult, synthesize } from '../../src/synth/synthesize.ts';
import { makeBytes } from './bytes.ts';
import type { Random } from './random.ts';

const block = 65536;
const mostBlocks = 20;
const never = new AbortController().signal;
const quiet = () => undefined;

export interface ModelPoint {
  readonly id: string;
  readonly disk: string;
  readonly content: Buffer;
  protected: boolean;
  forgotten: boolean;
}

export class World {
  readonly repo: Repository;
  readonly points: ModelPoint[] = [];
  readonly #folder: string;
  readonly #random: Random;
  readonly #disks = new Map<string, Buffer>();
  #seed = 0;

  constructor(repo: Repository, folder: string, random: Random) {
    this.repo = repo;
    this.#folder = folder;
    this.#random = random;
  }

  get kept(): readonly ModelPoint[] {
    return this.points.filter(({ forgotten }) => !forgotten);
  }

  image(disk: string): string {
    return join(this.#folder, `${disk}.img`);
  }

  get cacheFolder(): string {
    return join(this.#folder, 'cache');
  }

  /** Changes a disk: blocks become new, zero, or copies of what others hold; at times it grows or shrinks. */
  async change(disk: string): Promise<Buffer> {
    const random = this.#random;
    const before = this.#disks.get(disk) ?? Buffer.alloc(0);
    const resized = before.length === 0 || random.chance(0.2);
    const size = resized ? (1 + random.below(mostBlocks)) * block - (random.chance(0.3) ? 512 : 0) : before.length;
    const after = Buffer.alloc(size);
    before.copy(after);
    const changes = before.length === 0 ? mostBlocks : random.below(6);
    for (let n = 0; n < changes; n++) {
      const at = random.below(Math.ceil(size / block)) * block;
      const end = Math.min(at + block, size);
      if (random.chance(0.2)) after.fill(0, at, end);
      // A few contents are met again and again, on all disks.
      else makeBytes(end - at, random.chance(0.3) ? random.below(6) : 100 + this.#seed++).copy(after, at);
    }
    if (after.every((byte) => byte === 0)) after[0] = 1;
    this.#disks.set(disk, after);
    await writeFile(this.image(disk), after);
    return after;
  }

  async backup(disk: string, full = false): Promise<void> {
    await this.change(disk);
    await this.backupAsIs(disk, full);
  }

  /** Backs up what stands in the image. */
  async backupAsIs(disk: string, full = false): Promise<void> {
    const content = await readFile(this.image(disk));
    const request = { source: this.image(disk), machine: 'm', disk, cacheFolder: this.cacheFolder };
    const made = await backup(this.repo, { ...request, full }, quiet, never);
    expect(made.warnings).toEqual([]);
    this.add(made.point, disk, content);
  }

  add(id: string | null, disk: string, content: Buffer): void {
    if (id === null) throw new Error('no point was made');
    this.points.push({ id, disk, content, protected: false, forgotten: false });
  }

  async synthesize(point: ModelPoint, mode: SynthesisMode): Promise<SynthesisResult> {
    const { id: at, disk } = point;
    const subject = { machine: 'm', disk, at, mode, requireClone: false, dryRun: false };
    const made = await synthesize(this.repo, subject, quiet, never);
    expect(made.bytesFreed).toBe(0);
    if (made.nothingToDo !== null) return made;
    if (mode === 'reference') expect([made.bytesCopiedByStore, made.bytesThroughClient]).toEqual([0, 0]);
    expect(made.root).toBe((await readManifest(this.repo, at)).root);
    this.add(made.point, disk, point.content);
    return made;
  }

  /** What may not be forgotten is refused, and stays. */
  async forget(point: ModelPoint): Promise<void> {
    const { points } = await listPoints(this.repo, { machine: 'm', disk: point.disk });
    const verified = points.filter((listed) => listed.verified !== null);
    const refused = point.protected || (verified.length === 1 && verified[0]?.id === point.id);
    const forgetting = forgetPoints(this.repo, [point.id]);
    if (!refused) await forgetting;
    else await expect(forgetting).rejects.toMatchObject({ code: /^POINT_/ });
    point.forgotten = !refused;
  }

  async protect(point: ModelPoint, value: boolean): Promise<void> {
    await writeMark(this.repo, point.id, 'protected', value);
    point.protected = value;
  }

  /** Brings a point back if that is possible still; then all of it must be there. */
  async undelete(point: ModelPoint): Promise<boolean> {
    try {
      await undelete(this.repo, point.id);
    } catch (error) {
      expect((error as { code: string }).code).toMatch(/^POINT_(GONE|NOT_FOUND)$/);
      return false;
    }
    point.forgotten = false;
    return true;
  }

  /** `later` milliseconds from now, which is for when nobody else is at work: their leases would seem to have run out. */
  collect(grace: number, maxUnused: number | null = null, later = 0): Promise<CollectionResult> {
    const here: Here = { ...thisProcess(), now: () => Date.now() + later };
    return collect(this.repo, { grace, maxUnused, dryRun: false }, quiet, never, here);
  }

  async verify(): Promise<void> {
    const result = await verify(this.repo, { specs: [], all: true, samplePercent: 100 }, quiet, never);
    expect(result.damaged).toBe(0);
    expect(result.points).toHaveLength(this.kept.length);
  }

  /** The repository lists what it should, and every point has its content to the byte. */
  async check(): Promise<void> {
    const { points, damaged } = await listPoints(this.repo);
    expect(damaged).toEqual([]);
    expect(points.map(({ id }) => id).sort()).toEqual(this.kept.map(({ id }) => id).sort());
    for (const { id, content } of this.kept) {
      const read = await this.read(id);
      if (!read.equals(content)) throw new Error(`point ${id} is not bit-exact`);
    }
  }

  async read(id: string): Promise<Buffer> {
    const manifest = await readManifest(this.repo, id);
    const { layers } = await chainOf(this.repo, manifest);
    return contentReader(this.repo, manifest, layers)(0, manifest.size);
  }
}
