/** Random lives of a repository in a folder. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { it } from 'vitest';
import { Repository } from '../../src/repository/repository.ts';
import { scratchMemory } from '../unit/scratch.ts';
import { live } from './life.ts';
import type { Random } from './random.ts';
import { World } from './world.ts';

/** A new repository with packs so small that little data makes several. */
async function newWorld(random: Random): Promise<World> {
  const folder = await scratchMemory();
  const location = join(folder, 'repo');
  await (await Repository.create(location, { blockSize: 65536, encryption: false })).close();
  const config = JSON.parse(await readFile(join(location, 'strata.json'), 'utf8'));
  await writeFile(join(location, 'strata.json'), JSON.stringify({ ...config, packSize: 1024 ** 2 }));
  const repo = await Repository.open(location, async () => '');
  return new World(repo, folder, random);
}

it('keeps every point through any life', { timeout: 14_400_000 }, () =>
  live(newWorld, process.env.STRATA_LONG === '1' ? 10_000 : 120),
);
