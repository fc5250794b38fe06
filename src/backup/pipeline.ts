/** One run of the native pipeline: it reads, compares, compresses and seals; the packs it fills go to the store. */
import { randomInt } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fail, fromNative, isStrataError, reasonOf, type StrataError } from '../errors.ts';
import type { BackupOutcome, DedupIndex } from '../native/backup.ts';
import type { BadPlace, PackRef } from '../native/maps.ts';
import { native } from '../native.ts';
import { cachePath } from '../repository/caches.ts';
import type { Emit, Warning } from '../repository/events.ts';
import { PackStoring } from '../repository/pack-storing.ts';
import { packName } from '../repository/packs.ts';
import type { Repository } from '../repository/repository.ts';
import { watch } from '../repository/watch.ts';
import { Endurance } from './endurance.ts';
import type { Parent } from './parent.ts';
import type { BackupOrder } from './request.ts';
import { flat, keptFrom, type Skips } from './skips.ts';
import type { Source } from './source.ts';

/** Memory of the deduplication index. */
const indexMemory = 96 * 1024 * 1024;

export interface Pipeline {
  readonly repo: Repository;
  readonly order: BackupOrder;
  readonly source: Source;
  readonly parent: Parent;
  readonly packs: ReadonlyMap<string, PackRef>;
  /** Frames known to be damaged: nothing refers to them, and what lies in them is stored anew. */
  readonly bad: readonly BadPlace[];
  readonly skips: Skips;
  readonly runId: string;
  readonly emit: Emit;
  readonly warn: (warning: Warning) => void;
  readonly signal: AbortSignal;
  /** Aborts the signal. */
  readonly stop: (reason: StrataError) => void;
}

/** Reads the source; when it returns all packs are stored and the columns of the map lie in the spool folder. */
export async function runPipeline(pipeline: Pipeline): Promise<BackupOutcome> {
  const { repo, runId, emit, warn } = pipeline;
  const spool = await repo.store.spool(runId);
  emit({ event: 'stage', stage: 'index' });
  const dedup = await openIndex(pipeline, join(await cacheFolder(pipeline, spool), 'dedup'));
  try {
    for (const id of dedup.skipped) {
      warn({ code: 'PACK_DAMAGED', message: `pack ${id} has no readable index: it is not used for deduplication` });
    }
    emit({ event: 'stage', stage: 'read' });
    return await read(pipeline, dedup, spool);
  } finally {
    dedup.close();
  }
}

async function openIndex({ repo, packs, bad }: Pipeline, cacheFile: string): Promise<DedupIndex> {
  const { vault } = repo;
  try {
    const options = { vault, packs: [...packs.values()], cacheFile, memoryLimit: indexMemory, bad };
    return await native.openDedupIndex(options);
  } catch (error) {
    throw fromNative(error, cacheFile);
  }
}

/** Where the index is kept for the next run; when there is no place for it, it lives with this run. */
async function cacheFolder({ repo, order, warn }: Pipeline, spool: string): Promise<string> {
  const caches = order.cacheFolder ?? cachePath();
  const folder = join(caches, repo.config.id);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return folder;
  } catch (error) {
    warn({ code: 'CACHE_UNUSABLE', message: `no cache at ${folder}: ${reasonOf(error)}; set XDG_CACHE_HOME` });
    return spool;
  }
}

async function read(pipeline: Pipeline, dedup: DedupIndex, spool: string): Promise<BackupOutcome> {
  const { repo, order, source, parent, bad, skips, runId, emit, signal } = pipeline;
  const { manifest } = parent;
  const unchanged = manifest === null ? [] : keptFrom(manifest, skips.unchanged, source.size ?? 0);
  const endurance = new Endurance(pipeline);
  const storing = new PackStoring((id, path) => repo.store.adopt(packName(id), path));
  try {
    const run = native.startBackup({
      vault: repo.vault,
      source: source.input,
      kind: source.kind,
      size: source.size ?? 0,
      blockSize: repo.config.blockSize,
      parent: parent.layers,
      missingPacks: parent.missingPacks,
      badPlaces: bad,
      dedup,
      spool,
      runId,
      packSize: repo.config.packSize,
      level: order.level,
      threads: 0,
      rateLimit: order.rateLimit,
      unallocated: flat(skips.unallocated),
      unchanged: flat(unchanged),
      auditPercent: skips.auditPercent,
      auditSeed: randomInt(2 ** 32),
      zerosUnread: (manifest?.skipped?.unallocated ?? 0) > 0,
      onPack: (pack) => storing.take(run, pack),
    });
    const outcome = await watch(run, signal, (at) => {
      // The last block is read as if it were whole.
      const position = Math.min(at.position, source.size ?? at.position);
      emit({ event: 'progress', total: source.size, ...at, position, ...endurance.look({ ...at, position }) });
    });
    if (outcome.cancelled && isStrataError(signal.reason, 'BACKUP_TOO_SLOW')) throw signal.reason;
    if (outcome.cancelled) throw fail('INTERRUPTED', { action: `the backup of ${source.path}` });
    return outcome;
  } catch (error) {
    throw storing.failure ?? fromNative(ofSource(error, source), source.path);
  } finally {
    await storing.ended();
  }
}

/** Reports name the source, whatever is read in its place. */
function ofSource(error: unknown, { path, input }: Source): unknown {
  const { path: named } = error as { path?: unknown };
  return named === input ? Object.assign(error as object, { path }) : error;
}
