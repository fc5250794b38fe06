/**
 * The tree that a mount shows, made from the list of points alone, so that a thousand of them are there at once.
 * What needs a point's content is made when somebody looks: the sizes of images that depend on it, and the
 * partitions.
 */
import type { TreeEntry } from '../native/session.ts';
import type { Partition } from '../repository/layout/partition.ts';
import type { Point } from '../repository/points.ts';
import { type FormatName, formats } from './formats/formats.ts';
import type { PointDisk } from './formats/segment.ts';
import { type ParentImage, whyNoDifferencing } from './formats/vhdx-differencing.ts';

/** What an image file of the tree is made from. */
export type ImageFile =
  | { readonly point: Point; readonly kind: 'format'; readonly format: FormatName }
  /** Only what changed since the parent: a differencing VHDX over the parent's. */
  | { readonly point: Point; readonly kind: 'difference'; readonly parent: Point }
  | { readonly point: Point; readonly kind: 'partition'; readonly partition: Partition }
  /** The folder of partitions itself: its entries are made on demand. */
  | { readonly point: Point; readonly kind: 'partitions' };

/** Name of a differencing image, as Hyper-V names them. */
export const differenceFile = 'disk.avhdx';

/** Numbers by which native asks for images; the same file keeps its number. */
export class ImageNumbers {
  readonly #numbers = new Map<string, number>();
  readonly #files: ImageFile[] = [];

  /** Number of a file, from 1. */
  of(file: ImageFile): number {
    const key = keyOf(file);
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const number = this.#files.push(file);
    this.#numbers.set(key, number);
    return number;
  }

  file(number: number): ImageFile | undefined {
    return this.#files[number - 1];
  }
}

/** Partitions of points that were looked into, by the point's id. */
export type KnownPartitions = ReadonlyMap<string, readonly Partition[]>;

/** The whole tree: `<machine>/<disk>/<time>-<id8>/…`, folders before what is in them. `points`: newest first. */
export function buildTree(
  points: readonly Point[],
  partitions: KnownPartitions,
  numbers: ImageNumbers,
): readonly TreeEntry[] {
  const entries: TreeEntry[] = [];
  const folders = new Set<string>();
  const byId = new Map(points.map((point) => [point.id, point]));
  const folder = (path: string, seconds: number) => {
    if (folders.has(path)) return;
    folders.add(path);
    entries.push({ path, kind: 'folder', seconds });
  };
  for (const point of points) {
    const seconds = secondsOf(point);
    const disk = `${point.machine}/${point.disk}`;
    folder(point.machine, seconds);
    if (!folders.has(disk)) {
      folder(disk, seconds);
      // The first of a disk is its newest.
      entries.push({ path: `${disk}/latest`, kind: 'link', seconds, text: pointFolder(point) });
    }
    const parent = point.parent === null ? undefined : byId.get(point.parent);
    entries.push(...pointEntries(`${disk}/${pointFolder(point)}`, point, parent, partitions.get(point.id), numbers));
  }
  return entries;
}

/** Name of a point's folder: `2026-11-20T220000Z-0123abcd`. */
export function pointFolder({ id, time }: Pick<Point, 'id' | 'time'>): string {
  return `${time.slice(0, 19).replaceAll(':', '')}Z-${id.slice(0, 8)}`;
}

function pointEntries(
  path: string,
  point: Point,
  parent: Point | undefined,
  partitions: readonly Partition[] | undefined,
  numbers: ImageNumbers,
): TreeEntry[] {
  const seconds = secondsOf(point);
  const attributes = { id: point.id, kind: point.kind, ...(point.parent === null ? {} : { parent: point.parent }) };
  const entries: TreeEntry[] = [{ path, kind: 'folder', seconds, attributes }];
  const disk = diskWithoutData(point);
  for (const [name, format] of Object.entries(formats)) {
    if (format.whyNot(disk) !== null) continue;
    const image = numbers.of({ point, kind: 'format', format: name as FormatName });
    // The size of the others shows once somebody asks for it.
    const size = format.sizeOf === null ? {} : { size: format.sizeOf(disk) };
    entries.push({ path: `${path}/${format.fileName}`, kind: 'image', seconds, image, attributes, ...size });
  }
  if (parent !== undefined && whyNoDifferencing(disk, parentImage(parent)) === null) {
    const image = numbers.of({ point, kind: 'difference', parent });
    entries.push({ path: `${path}/${differenceFile}`, kind: 'image', seconds, image, attributes });
  }
  entries.push({ path: `${path}/point.json`, kind: 'text', seconds, text: describe(point), attributes });
  const pending = partitions === undefined ? numbers.of({ point, kind: 'partitions' }) : 0;
  entries.push({ path: `${path}/partitions`, kind: 'folder', seconds, image: pending, attributes });
  for (const partition of partitions ?? []) {
    entries.push({
      path: `${path}/partitions/${partition.number}.raw`,
      kind: 'image',
      seconds,
      image: numbers.of({ point, kind: 'partition', partition }),
      size: partition.length,
      attributes,
    });
  }
  return entries;
}

/** The image of the parent that a differencing one lies over, as it is found from the folder of the child. */
export function parentImage(parent: Point): ParentImage {
  const { id, size, sectorSize } = diskWithoutData(parent);
  return { id, size, sectorSize, baseId: id, relativePath: `..\\${pointFolder(parent)}\\${formats.vhdx.fileName}` };
}

/** What formats know of a point before it is opened. */
export function diskWithoutData({ id, machine, disk, time, size }: Point): PointDisk {
  return { id, name: `${machine}/${disk}`, time, size, sectorSize: 512, data: new Float64Array() };
}

function describe({ manifest, forgotten: _, ...point }: Point): string {
  const { blockSize, source, snapshot, tracker, unreadable, warnings, host, software } = manifest;
  return `${JSON.stringify({ ...point, blockSize, source, snapshot, tracker, unreadable, warnings, host, software }, null, 2)}\n`;
}

function secondsOf(point: Point): number {
  return Math.floor(Date.parse(point.time) / 1000);
}

function keyOf(file: ImageFile): string {
  switch (file.kind) {
    case 'format':
      return `${file.point.id} ${file.format}`;
    case 'difference':
      return `${file.point.id} difference`;
    case 'partition':
      return `${file.point.id} ${file.partition.number}`;
    case 'partitions':
      return `${file.point.id} partitions`;
  }
}
