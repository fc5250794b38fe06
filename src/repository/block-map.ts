/**
 * Which point of a chain each part of a disk comes from. The disk is divided into equal cells; a cell belongs to the newest
 * point that changed anything in it.
 */
import { fromNative } from '../errors.ts';
import type { Chain } from '../native/maps.ts';
import { native } from '../native.ts';
import { chainOf } from './chain.ts';
import type { Manifest } from './manifest.ts';
import type { Point } from './points.ts';
import type { Repository } from './repository.ts';

/** A point of the chain that cells can belong to. */
export interface MapOwner {
  readonly id: string;
  readonly time: string;
  readonly kind: Manifest['kind'];
}

export interface BlockMap {
  readonly point: string;
  /** Bytes of the disk. */
  readonly size: number;
  /** Newest first. The last also stands for all that are older, when the chain is longer than what is told apart. */
  readonly owners: readonly MapOwner[];
  /** Of each cell, in the order of the disk, an index into `owners`; -1 where there never was anything but zeros. */
  readonly cells: readonly number[];
}

/** Each costs a merge of the chain below it. */
const mostOwners = 64;

/** The map of a point in `count` cells. */
export async function blockMapOf(repo: Repository, { manifest }: Point, count: number): Promise<BlockMap> {
  const { manifests, layers } = await chainOf(repo, manifest);
  const owners = manifests.slice(0, mostOwners);
  const cells = new Array<number>(count).fill(-1);
  const perCell = manifest.size / count;
  for (let index = owners.length - 1; index >= 0; index--) {
    const below = index === owners.length - 1 ? [] : layers.slice(index + 1);
    for (const [offset, length] of await changedBy(repo, manifest, layers.slice(index), below)) {
      const last = Math.min(count - 1, Math.floor((offset + length - 1) / perCell));
      for (let cell = Math.floor(offset / perCell); cell <= last; cell++) cells[cell] = index;
    }
  }
  return { point: manifest.id, size: manifest.size, owners: owners.map(ownerOf), cells };
}

/** [offset, length] pairs in bytes. No chain at all reads as zeros. */
async function changedBy(repo: Repository, { id, blockSize }: Manifest, a: Chain, b: Chain) {
  try {
    return await native.diff({ vault: repo.vault, a, b, blockSize });
  } catch (error) {
    throw fromNative(error, `the maps of ${id}`);
  }
}

function ownerOf({ id, time, kind }: Manifest): MapOwner {
  return { id, time, kind };
}
