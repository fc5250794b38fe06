/** What Btrfs's own tool has as used: its print of the chunk tree and of the extent tree, and the places that never are free. */
import { statSync } from 'node:fs';
import type { Extents } from '../../../../../src/backup/allocation/allocation.ts';
import { extentsOf } from '../../../../../src/backup/allocation/extents.ts';
import { run } from '../../../mount/attach/images.ts';

const mebibyte = 1024 * 1024;

export function usedByDump(image: string): Extents {
  const superblock = run('btrfs', 'inspect-internal', 'dump-super', image);
  const nodeSize = Number(/^nodesize\s+(\d+)/m.exec(superblock)?.[1]);
  const chunks = chunksOf(run('btrfs', 'inspect-internal', 'dump-tree', '-t', 'chunk', image));
  const extents = run('btrfs', 'inspect-internal', 'dump-tree', '-t', 'extent', image);
  const { size } = statSync(image);
  const end = Number(/^dev_item.total_bytes\s+(\d+)/m.exec(superblock)?.[1]);
  const used: [number, number][] = [
    [0, mebibyte],
    [end, size - end],
  ];
  for (const at of [64 * mebibyte, 256 * 1024 * mebibyte]) if (at + 4096 <= size) used.push([at, 4096]);
  for (const [, start, type, length] of extents.matchAll(/key \((\d+) (EXTENT|METADATA)_ITEM (\d+)\)/g)) {
    const chunk = chunks.find(({ from, to }) => from <= Number(start) && Number(start) < to);
    if (chunk === undefined) throw new Error(`${start} is in no chunk`);
    for (const place of chunk.places)
      used.push([place + Number(start) - chunk.from, type === 'EXTENT' ? Number(length) : nodeSize]);
  }
  return extentsOf(used);
}

interface Chunk {
  readonly from: number;
  readonly to: number;
  readonly places: readonly number[];
}

function chunksOf(tree: string): Chunk[] {
  const [, ...texts] = tree.split(/key \(FIRST_CHUNK_TREE CHUNK_ITEM /);
  return texts.map((text) => {
    const from = Number.parseInt(text, 10);
    const places = [...text.matchAll(/stripe \d+ devid 1 offset (\d+)/g)].map(([, place]) => Number(place));
    return { from, to: from + Number(/length (\d+)/.exec(text)?.[1]), places };
  });
}
