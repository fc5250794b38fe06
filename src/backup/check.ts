/** Reading back what a stack of maps refers to: the checks of one run of the addon, and how far they have come. */
import { type ErrorCode, errorTable, fail, fromNative, isStrataError } from '../errors.ts';
import type { BadPlace, Chain } from '../native/maps.ts';
import { native } from '../native.ts';
import type { Emit } from '../repository/events.ts';
import type { Manifest } from '../repository/manifest.ts';
import type { Repository } from '../repository/repository.ts';
import { watch } from '../repository/watch.ts';

export interface PointDamage {
  /** A code of errors.ts. */
  readonly code: ErrorCode;
  readonly message: string;
  /** Byte range of the disk; null when the whole point is concerned (manifest, map, chain). */
  readonly offset: number | null;
  readonly length: number | null;
}

export interface Checked {
  readonly blocksChecked: number;
  readonly bytesRead: number;
  /** Of the content as the digest columns give it; null when they could not be read. */
  readonly root: string | null;
  readonly damage: readonly PointDamage[];
  /** Frames that are damaged, and suspects that are not. */
  readonly bad: readonly BadPlace[];
  readonly good: readonly BadPlace[];
}

/** What one verification shares: the sample, and the progress over all that it checks. */
export interface Inspection {
  readonly repo: Repository;
  /** Decides which blocks are the sample: the same ones for every chain. */
  readonly seed: number;
  /** Frames that were found damaged before. */
  readonly suspects: readonly BadPlace[];
  readonly emit: Emit;
  readonly signal: AbortSignal;
  /** Bytes of disk that are done, and that will be. */
  position: number;
  total: number;
  bytesRead: number;
  blocksChecked: number;
}

/** Checks the content that a stack of maps gives for the disk of `manifest`. */
export async function checkContent(
  inspection: Inspection,
  chain: Chain,
  manifest: Manifest,
  samplePercent: number,
): Promise<Checked> {
  const { repo, seed, suspects, emit, signal, position, total, bytesRead } = inspection;
  const { size, blockSize } = manifest;
  const { packs } = repo.store;
  try {
    const run = native.startVerify({
      vault: repo.vault,
      chain,
      packs,
      size,
      blockSize,
      samplePercent,
      seed,
      threads: 0,
      suspects,
    });
    const outcome = await watch(run, signal, (at) => {
      const done = position + Math.min(at.position, size);
      emit({ event: 'progress', position: done, total, bytesRead: bytesRead + at.bytesRead });
    });
    if (outcome.cancelled) throw fail('INTERRUPTED', { action: 'the verification' });
    inspection.bytesRead += outcome.bytesRead;
    inspection.blocksChecked += outcome.blocksChecked;
    return {
      blocksChecked: outcome.blocksChecked,
      bytesRead: outcome.bytesRead,
      root: outcome.root,
      // What is wrong with a pack around its frames touches no part of the disk.
      damage: outcome.damage.map(({ code, message, offset, length }) => ({
        code: codeOf(code),
        message,
        offset: length === 0 ? null : offset,
        length: length === 0 ? null : length,
      })),
      bad: outcome.damage.flatMap(({ pack, frames }) => frames.map((offset) => ({ pack, offset }))),
      good: outcome.recovered,
    };
  } catch (error) {
    return {
      blocksChecked: 0,
      bytesRead: 0,
      root: null,
      damage: [damageOf(fromNative(error, `point ${manifest.id}`))],
      bad: [],
      good: [],
    };
  } finally {
    inspection.position += size;
  }
}

/** An error as damage of a whole point; throws it again when it tells of something else. */
export function damageOf(error: unknown): PointDamage {
  if (!isStrataError(error) || error.exitCode !== errorTable.MANIFEST_DAMAGED.exit) throw error;
  return { code: error.code, message: error.message, offset: null, length: null };
}

function codeOf(code: string): ErrorCode {
  return code in errorTable ? (code as ErrorCode) : 'IO';
}
