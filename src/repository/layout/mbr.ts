/**
 * The partition table in the first sector of a disk, with the chain of logical partitions that an extended one holds.
 * The bytes are nobody's promise: what does not lie within the disk is left out, and a chain that runs in a ring ends.
 */
import type { Partition, ReadAt } from './partition.ts';

const sector = 512;
const entries = { at: 446, length: 16, count: 4 };
const extendedTypes = [0x05, 0x0f, 0x85];
const firstLogical = 5;
const mostLogical = 128;

export interface MbrEntry {
  readonly type: number;
  /** Bytes. */
  readonly offset: number;
  readonly length: number;
}

/** The four entries of a boot sector, unused ones with type 0; null when it holds no partition table. */
export function mbrEntries(bootSector: Buffer): MbrEntry[] | null {
  if (bootSector.length < sector || bootSector.readUInt16LE(510) !== 0xaa55) return null;
  const found: MbrEntry[] = [];
  for (let n = 0; n < entries.count; n++) {
    const entry = bootSector.subarray(entries.at + n * entries.length, entries.at + (n + 1) * entries.length);
    // A file system's own boot sector ends with the same two bytes, but holds code where the flags would be.
    if ((entry.readUInt8(0) & 0x7f) !== 0) return null;
    const [first, count] = [entry.readUInt32LE(8), entry.readUInt32LE(12)];
    const used = entry.readUInt8(4) !== 0 && count > 0;
    found.push({ type: used ? entry.readUInt8(4) : 0, offset: first * sector, length: count * sector });
  }
  return found;
}

/** The partitions that a disk's boot sector names. */
export async function mbrPartitions(read: ReadAt, primary: readonly MbrEntry[], size: number): Promise<Partition[]> {
  const partitions: Partition[] = [];
  for (const [at, entry] of primary.entries()) {
    if (entry.type === 0 || !liesWithin(entry, size)) continue;
    partitions.push(partitionOf(at + 1, entry));
  }
  const extended = primary.find(({ type }) => extendedTypes.includes(type));
  if (extended !== undefined && liesWithin(extended, size)) {
    partitions.push(...(await logicalPartitions(read, extended.offset, size)));
  }
  return partitions;
}

/** Each link of the chain names a partition, from the link on, and the next link, from the first on. */
async function logicalPartitions(read: ReadAt, start: number, size: number): Promise<Partition[]> {
  const partitions: Partition[] = [];
  const seen = new Set<number>();
  for (let at = start; at + sector <= size && !seen.has(at) && seen.size < mostLogical; ) {
    const [here, next] = mbrEntries(await read(at, sector)) ?? [];
    const entry = here === undefined ? undefined : { ...here, offset: at + here.offset };
    if (entry !== undefined && entry.type !== 0 && liesWithin(entry, size)) {
      partitions.push(partitionOf(firstLogical + seen.size, entry));
    }
    seen.add(at);
    if (next === undefined || !extendedTypes.includes(next.type)) break;
    at = start + next.offset;
  }
  return partitions;
}

function liesWithin({ offset, length }: MbrEntry, size: number): boolean {
  return offset >= sector && offset + length <= size;
}

function partitionOf(number: number, { type, offset, length }: MbrEntry): Partition {
  return { number, offset, length, type: type.toString(16).padStart(2, '0'), name: '' };
}
