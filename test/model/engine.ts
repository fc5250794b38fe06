/** The engine without a face, for tests that look at the same repository many times. */
import { readFile, rm } from 'node:fs/promises';
import { expect } from 'vitest';
import { backup } from '../../src/backup/backup.ts';
import { verify } from '../../src/backup/verify.ts';
import { findRemains, type Remains } from '../../src/jobs/remains.ts';
import { listPoints } from '../../src/repository/points.ts';
import { Repository } from '../../src/repository/repository.ts';
import type { StoreOptions } from '../../src/repository/stores/open.ts';
import { restore } from '../../src/restore/restore.ts';

const never = new AbortController().signal;

export interface Engine {
  /** Ids, newest first. */
  points(): Promise<string[]>;
  /** How many points are damaged. */
  damaged(): Promise<number>;
  /** Makes a point of disk `m/<base name>`; it must go without warnings. Returns its id. */
  backup(source: string, cacheFolder: string): Promise<string>;
  /** Restores a point and compares it. */
  expectContent(point: string, content: Uint8Array): Promise<void>;
  remains(): Promise<Remains>;
  close(): Promise<void>;
}

/** Opens an unencrypted repository; `target` is a path for what is restored. */
export async function openEngine(
  location: string,
  options: StoreOptions = {},
  target = `${location}.out`,
): Promise<Engine> {
  const repo = await Repository.open(location, () => Promise.reject(new Error('it is not encrypted')), options);
  const quiet = () => {};
  return {
    points: async () => (await listPoints(repo)).points.map(({ id }) => id),
    damaged: async () => (await verify(repo, { specs: [], all: true, samplePercent: 100 }, quiet, never)).damaged,
    backup: async (source, cacheFolder) => {
      const made = await backup(repo, { source, machine: 'm', cacheFolder }, quiet, never);
      expect(made.warnings).toEqual([]);
      return made.point ?? '';
    },
    expectContent: async (point, content) => {
      await restore(repo, { point, to: target }, quiet, never);
      expect((await readFile(target)).equals(content), `${point} is not bit-exact`).toBe(true);
      await rm(target);
    },
    remains: () => findRemains(repo),
    close: () => repo.close(),
  };
}
