/** Small parts of a point's content, for looking at its structure; bulk reading is native's. */
import { fromNative } from '../errors.ts';
import type { Chain } from '../native/maps.ts';
import { native } from '../native.ts';
import type { ReadAt } from './layout/partition.ts';
import type { Manifest } from './manifest.ts';
import type { Repository } from './repository.ts';

/** Reads parts of the disk of a point whose maps are given. */
export function contentReader(repo: Repository, { id, blockSize }: Manifest, chain: Chain): ReadAt {
  const { packs } = repo.store;
  return async (offset, length) => {
    try {
      return await native.readContent({ vault: repo.vault, chain, packs, blockSize, offset, length });
    } catch (error) {
      throw fromNative(error, `point ${id}`);
    }
  };
}
