/** What Btrfs has in use, by its extent tree, compared with the counters of its block groups and of its superblock. */
import type { Extents } from '../allocation.ts';
import { demand } from '../distrust.ts';
import { ExtentList } from '../extents.ts';
import type { Fields } from '../fields.ts';
import type { Chunk } from './chunks.ts';
import { type Root, rootOf } from './superblock.ts';
import { type Forest, leavesOf } from './tree.ts';

export const itemType = { root: 132, extent: 168, metadata: 169, group: 192, fileExtent: 108, chunk: 228 } as const;
const treeOf = { extents: 2, groups: 11 };

/** What is in use as of the last commit, as logical addresses. */
export async function readExtentTree(forest: Forest): Promise<Extents> {
  const roots = await rootsOf(forest);
  const used = new ExtentList();
  const found = new Map<Chunk, number>();
  const counted = new Map<Chunk, number>();
  let end = 0;
  for await (const leaf of leavesOf(forest, rootNamed(roots, treeOf.extents))) {
    for (let n = 0; n < leaf.count; n++) {
      const type = leaf.type(n);
      if (type === itemType.group) countGroup(forest, leaf.object(n), leaf.offset(n), leaf.item(n), counted);
      if (type !== itemType.extent && type !== itemType.metadata) continue;
      const start = leaf.object(n);
      const length = type === itemType.extent ? leaf.offset(n) : forest.fs.nodeSize;
      demand(start >= end && length % forest.fs.sectorSize === 0, 'two of its extents overlap');
      const chunk = forest.chunks.holding(start, length);
      found.set(chunk, (found.get(chunk) ?? 0) + length);
      used.add(start, length);
      end = start + length;
    }
  }
  if (forest.fs.hasGroupTree) await readGroupTree(forest, rootNamed(roots, treeOf.groups), counted);
  requireCounted(forest, found, counted);
  return used.extents;
}

/** The roots of the trees that are needed, by the numbers of the trees. */
async function rootsOf(forest: Forest): Promise<Map<number, Root>> {
  const roots = new Map<number, Root>();
  for await (const leaf of leavesOf(forest, forest.fs.root))
    for (let n = 0; n < leaf.count; n++) {
      const isNeeded = leaf.object(n) === treeOf.extents || leaf.object(n) === treeOf.groups;
      if (isNeeded && leaf.type(n) === itemType.root) roots.set(leaf.object(n), parseRoot(leaf.item(n)));
    }
  return roots;
}

function rootNamed(roots: Map<number, Root>, tree: number): Root {
  const root = roots.get(tree);
  demand(root !== undefined, `it has no tree number ${tree}`);
  return root;
}

/** A root item. */
export function parseRoot(item: Fields): Root {
  return rootOf(item.u64(176), item.u64(160), item.u8(238));
}

async function readGroupTree(forest: Forest, root: Root, counted: Map<Chunk, number>): Promise<void> {
  for await (const leaf of leavesOf(forest, root))
    for (let n = 0; n < leaf.count; n++)
      if (leaf.type(n) === itemType.group) countGroup(forest, leaf.object(n), leaf.offset(n), leaf.item(n), counted);
}

function countGroup(forest: Forest, start: number, length: number, item: Fields, counted: Map<Chunk, number>): void {
  const chunk = forest.chunks.holding(start, length);
  demand(chunk.start === start && chunk.length === length, `the block group at ${start} is no chunk`);
  counted.set(chunk, item.u64(0));
}

function requireCounted({ fs, chunks }: Forest, found: Map<Chunk, number>, counted: Map<Chunk, number>): void {
  let sum = 0;
  for (const chunk of chunks.chunks) {
    const used = counted.get(chunk);
    demand(used !== undefined, `the chunk at ${chunk.start} has no block group`);
    demand(used === (found.get(chunk) ?? 0), `the block group at ${chunk.start} counts other extents than it has`);
    sum += used;
  }
  demand(sum === fs.bytesUsed, 'its block groups have more or less in use than its superblock counts');
}
