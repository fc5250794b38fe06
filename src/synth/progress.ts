/**
 * How far syntheses came that broke off. A run that copies notes `progress/<point>.<run>` before its first pack; the packs
 * are the progress. The next run of the same point takes them over, in the order of their numbers, and goes on after them.
 */
import type { PackRef } from '../native.ts';
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

/** The packs that broken runs stored of a point, in order; those from the first that is lost, or in the trash, do not count. */
export async function findProgress(repo: Repository, point: string): Promise<readonly PackRef[]> {
  const runs = new Set(await runsOf(repo, point));
  if (runs.size === 0) return [];
  // As for a backup: the trash is looked at before the packs are.
  const trash = await trashedPacks(repo);
  const packs = [...(await listPacks(repo)).values()].filter(({ id }) => runs.has(runOfPack(id)));
  const numbered = new Map(packs.map((pack) => [Number.parseInt(pack.id.slice(24), 16), pack]));
  const found: PackRef[] = [];
  for (let n = 0; ; n++) {
    const pack = numbered.get(n);
    if (pack === undefined || trash.has(pack.id)) return found;
    found.push(pack);
  }
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
