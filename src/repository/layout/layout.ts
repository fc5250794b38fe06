/** How a disk is divided: its partition table, and what each partition holds. */
import { headLength, identifyFileSystem } from './file-system.ts';
import { gptPartitions } from './gpt.ts';
import { mbrEntries, mbrPartitions } from './mbr.ts';
import type { Partition, ReadAt } from './partition.ts';

export interface PartitionTable {
  readonly scheme: 'gpt' | 'mbr' | 'none';
  readonly partitions: readonly Partition[];
}

export interface DiskLayout {
  readonly scheme: PartitionTable['scheme'];
  /** What lies on a disk without partitions; else null. */
  readonly fileSystem: string | null;
  readonly partitions: readonly (Partition & { readonly fileSystem: string | null })[];
}

const protectiveType = 0xee;

/** The partition table of a disk of `size` bytes. */
export async function readPartitionTable(read: ReadAt, size: number): Promise<PartitionTable> {
  const primary = mbrEntries(await read(0, 512)) ?? [];
  const isProtective = primary.some(({ type }) => type === protectiveType);
  const partitions = isProtective ? await gptPartitions(read, size) : await mbrPartitions(read, primary, size);
  if (partitions === null || partitions.length === 0) return { scheme: 'none', partitions: [] };
  return { scheme: isProtective ? 'gpt' : 'mbr', partitions };
}

/** The partitions and file systems of a disk. */
export async function readLayout(read: ReadAt, size: number): Promise<DiskLayout> {
  const { scheme, partitions } = await readPartitionTable(read, size);
  const fileSystem = partitions.length === 0 ? identifyFileSystem(await read(0, headLength)) : null;
  const identified: DiskLayout['partitions'][number][] = [];
  for (const partition of partitions) {
    const head = await read(partition.offset, Math.min(headLength, partition.length));
    identified.push({ ...partition, fileSystem: identifyFileSystem(head) });
  }
  return { scheme, fileSystem, partitions: identified };
}
