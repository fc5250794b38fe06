/** Reading a new full back before anything is dropped for it. */
import { fail, fromNative } from '../errors.ts';
import { native } from '../native.ts';
import { chainOf } from '../repository/chain.ts';
import { readManifest } from '../repository/points.ts';
import type { Repository } from '../repository/repository.ts';
import { watch } from '../repository/watch.ts';

/**
 * Reads the maps of a point through and looks at the packs that they name: the root over the digests must be the
 * manifest's. The content of the frames is not read: it was not touched. Throws MAP_DAMAGED or ROOT_MISMATCH.
 */
export async function proveMaps(repo: Repository, point: string, signal: AbortSignal): Promise<void> {
  const manifest = await readManifest(repo, point);
  const { layers } = await chainOf(repo, manifest);
  const { size, blockSize } = manifest;
  try {
    const run = native.startVerify({
      vault: repo.vault,
      chain: layers,
      packs: repo.store.packs,
      size,
      blockSize,
      samplePercent: 0,
      seed: 0,
      threads: 0,
      suspects: [],
    });
    const { cancelled, damage, root } = await watch(run, signal, () => undefined);
    if (cancelled) throw fail('INTERRUPTED', { action: 'the consolidation' });
    if (damage[0] !== undefined) {
      throw fail('MAP_DAMAGED', { path: `of the new point ${point}`, reason: damage[0].message });
    }
    if (root !== manifest.root) throw fail('ROOT_MISMATCH', { point });
  } catch (error) {
    throw fromNative(error, `point ${point}`);
  }
}
