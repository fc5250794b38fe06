/**
 * The log of Btrfs: trees, written by fsync, of what is newer than the last commit. Neither their blocks nor the extents
 * of files that only they name are in the extent tree before the log has been replayed.
 */
import type { Extents } from '../allocation.ts';
import { extentsOf } from '../extents.ts';
import { itemType, parseRoot } from './extent-tree.ts';
import type { Root } from './superblock.ts';
import { type Forest, leavesOf } from './tree.ts';

const inline = 0;

/** What the log needs, as logical addresses. */
export async function readLogTrees(forest: Forest, root: Root): Promise<Extents> {
  const needed: [number, number][] = [];
  const onBlock = (address: number) => needed.push([address, forest.fs.nodeSize]);
  const trees: Root[] = [];
  for await (const leaf of leavesOf(forest, root, onBlock))
    for (let n = 0; n < leaf.count; n++) if (leaf.type(n) === itemType.root) trees.push(parseRoot(leaf.item(n)));
  for (const tree of trees)
    for await (const leaf of leavesOf(forest, tree, onBlock))
      for (let n = 0; n < leaf.count; n++) {
        const item = leaf.type(n) === itemType.fileExtent ? leaf.item(n) : null;
        if (item !== null && item.u8(20) !== inline && item.u64(21) !== 0) needed.push([item.u64(21), item.u64(29)]);
      }
  return extentsOf(needed);
}
