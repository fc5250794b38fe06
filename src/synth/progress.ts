/**
 * How far syntheses came that broke off. A run that copies notes `progress/<point>.<run>` before its first pack; the packs
 * are the progress. The next run of the same point finds in them what it has not to copy again.
 */
import type { PackRef } from '../native/maps.ts';
import { listPacks, runOfPack } from '../repository/packs.ts';
import { sealRecord } from '../repository/record.ts';
import type { Repository } from '../repository/repository.ts';
import { trashedPacks } from '../repository/trash.ts';

/** Notes that a run copies a point. */
export async function noteProgress(repo: Repository, point: string, run: string): Promise<void> {
  const name = progressName(point, run);
  await repo.store.put(name, sealRecord(repo.vault, name, { time: new Date().toISOString() }));
}

/** Removes the notes of runs that copied a point: it is done. */
export async function clearProgress(repo: Repository, point: string): Promise<void> {
  for (const run of await runsOf(repo, point)) await repo.store.remove(progressName(point, run));
}

/** The packs that broken runs stored of a point, but for those in the trash. */
export async function findProgress(repo: Repository, point: string): Promise<readonly PackRef[]> {
  const runs = new Set(await runsOf(repo, point));
  if (runs.size === 0) return [];
  // As for a backup: the trash is looked at before the packs are.
  const trash = await trashedPacks(repo);
  return [...(await listPacks(repo)).values()].filter(({ id }) => runs.has(runOfPack(id)) && !trash.has(id));
}

async function runsOf(repo: Repository, point: string): Promise<readonly string[]> {
  const runs: string[] = [];
  for await (const name of repo.store.names(`progress/${point}.`)) {
    const run = name.slice(`progress/${point}.`.length);
    if (/^[0-9a-f]{24}$/.test(run)) runs.push(run);
  }
  return runs;
}

function progressName(point: string, run: string): string {
  return `progress/${point}.${run}`;
}
