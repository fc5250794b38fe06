/**
 * Random lives of a repository: backups, synthetic fulls, forgetting, collecting, bringing back, in any order and beside
 * one another; after each step all points that should be there are, to the byte. STRATA_SEED repeats a life, STRATA_STEPS
 * makes it longer.
 */
import { randomInt } from 'node:crypto';
import { expect } from 'vitest';
import { survey } from '../../src/repository/collection/survey.ts';
import { thisProcess } from '../../src/repository/here.ts';
import { beginReading } from '../../src/repository/reading.ts';
import { type Random, randomFrom } from './random.ts';
import type { World } from './world.ts';

const hour = 3_600_000;
const disks = ['a', 'b', 'c'] as const;
const mostPoints = 14;

/** One action, chosen at random; its name. */
async function act(world: World, random: Random): Promise<string> {
  const disk = random.one(disks) ?? 'a';
  const point = random.one(world.kept);
  const roll = random.below(100);
  if (point === undefined || roll < 30) return named('backup', world.backup(disk, random.chance(0.05)));
  if (roll < 50 || world.kept.length > mostPoints) return named('forget', world.forget(point));
  if (roll < 60) return named('synthesize', world.synthesize(point, random.chance(0.5) ? 'reference' : 'copy'));
  if (roll < 65) return named('protect', world.protect(point, !point.protected));
  if (roll < 68) return named('verify', world.verify());
  if (roll < 72) return named('unprotect', Promise.all(world.kept.map((kept) => world.protect(kept, false))));
  if (roll < 80) {
    const gone = random.one(world.points.filter(({ forgotten }) => forgotten));
    return gone === undefined ? 'nothing' : named('undelete', world.undelete(gone));
  }
  if (roll < 84) return named('wait', collectTwice(world));
  if (roll < 92) return named('gc', world.collect(random.chance(0.5) ? 0 : 24 * hour, random.chance(0.3) ? 0.1 : null));
  return meet(world, random);
}

/** Two at work at once. */
async function meet(world: World, random: Random): Promise<string> {
  const [one = 'a', other = 'b'] = random.chance(0.5) ? disks : disks.toReversed();
  const point = random.one(world.kept);
  switch (random.below(point === undefined ? 2 : 5)) {
    case 0:
      return named('backup beside gc', Promise.all([world.backup(one), world.collect(0)]));
    case 1:
      return named('two backups', Promise.all([world.backup(one), world.backup(other)]));
    case 2:
      return named('synthesis beside gc', together(world, point && world.synthesize(point, 'copy'), world.collect(0)));
    case 3:
      return named(
        'synthesis beside backup',
        together(world, point && world.synthesize(point, 'reference'), world.backup(one)),
      );
    default:
      return named('reading beside forget and gc', point ? readForgotten(world, point.id) : Promise.resolve());
  }
}

async function together(_: World, ...works: readonly (Promise<unknown> | undefined)[]): Promise<void> {
  await Promise.all(works);
}

/** Who opened a point reads it to the end, although it is forgotten and collected meanwhile. */
async function readForgotten(world: World, id: string): Promise<void> {
  const point = world.points.find((known) => known.id === id);
  if (point === undefined) return;
  const reading = await beginReading(world.repo, ({ message }) => expect(message).toBe(''));
  try {
    await world.forget(point);
    if (!point.forgotten) return;
    await world.collect(0);
    await world.collect(0);
    expect((await world.read(id)).equals(point.content)).toBe(true);
  } finally {
    await reading.end();
  }
}

/** With the grace over and nobody at work, nothing is left that no point needs. */
async function collectTwice(world: World): Promise<void> {
  await world.collect(24 * hour);
  await world.collect(24 * hour, null, 25 * hour);
  const { dead } = await survey(world.repo, '', thisProcess(), new AbortController().signal);
  expect([...dead.keys()]).toEqual([]);
}

async function named(name: string, work: Promise<unknown>): Promise<string> {
  await work;
  return name;
}

/** Lives a life of so many steps in the world that `make` gives. */
export async function live(make: (random: Random) => Promise<World>, usualSteps: number): Promise<void> {
  const seed = Number(process.env.STRATA_SEED ?? randomInt(2 ** 31));
  const steps = Number(process.env.STRATA_STEPS ?? usualSteps);
  const random = randomFrom(seed);
  const world = await make(random);
  const done: string[] = [];
  try {
    for (let step = 0; step < steps; step++) {
      done.push(await act(world, random));
      await world.check();
    }
  } catch (error) {
    throw new Error(`STRATA_SEED=${seed}, step ${done.length}, after ${done.slice(-8).join(', ')}`, { cause: error });
  } finally {
    await world.repo.close();
  }
}
