/**
 * The allocation of a whole disk: that of each of its partitions, or of the disk where it has none. Everything else is
 * used: partition tables, what lies between partitions, and what no map is known of. Where partitions overlap, what one
 * of them uses is used.
 */
import { reasonOf } from '../../errors.ts';
import { headLength, identifyFileSystem } from '../../repository/layout/file-system.ts';
import { readPartitionTable } from '../../repository/layout/layout.ts';
import type { Partition } from '../../repository/layout/partition.ts';
import type { Allocation, Extents } from './allocation.ts';
import { bytesIn, complement, extentsOf, shift, union } from './extents.ts';
import { parsers } from './parsers.ts';
import { endsAsRaidMember } from './raid.ts';
import { partOf, type Volume } from './volume.ts';

/** One partition, or the disk where it has none. */
export interface VolumeAllocation {
  /** As in the names of devices; null of the disk. */
  readonly partition: number | null;
  /** Bytes of the disk. */
  readonly offset: number;
  readonly size: number;
  /** null: nothing known is in it. */
  readonly fileSystem: string | null;
  /** Bytes that are used, or why that cannot be told: then all of it is. */
  readonly used: number | null;
  readonly reason: string | null;
}

export interface DiskAllocation {
  readonly volumes: readonly VolumeAllocation[];
  /** What need not be read. */
  readonly unallocated: Extents;
}

type Found = Allocation | { readonly fileSystem: null; readonly unknown: string };

/** A container of others, which have partitions of their own. */
const extendedTypes = ['05', '0f', '85'];

export async function allocationOf(disk: Volume): Promise<DiskAllocation> {
  const whole = { number: null, offset: 0, length: disk.size };
  const volumes = await volumesOf(disk).catch((error: unknown) => reasonOf(error));
  if (typeof volumes === 'string') return compose(disk, [{ ...whole, found: { fileSystem: null, unknown: volumes } }]);
  const found: (Place & { found: Found })[] = [];
  for (const place of volumes.length === 0 ? [whole] : volumes) {
    found.push({ ...place, found: await lookInto(partOf(disk, place.offset, place.length)) });
  }
  return compose(disk, found);
}

interface Place {
  readonly number: number | null;
  readonly offset: number;
  readonly length: number;
}

/** The partitions of a disk; the reason when it is not sure that they are its partitions. */
async function volumesOf(disk: Volume): Promise<readonly Place[] | string> {
  const { partitions } = await readPartitionTable(reaching(disk), disk.size);
  if (partitions.length === 0) return [];
  const head = await disk.read(0, Math.min(headLength, disk.size));
  const also = identifyFileSystem(head);
  if (also !== null) return `it has a partition table, and begins as ${also} does`;
  if (await endsAsRaidMember(disk)) return 'it is a member of a RAID';
  return partitions.filter(({ type }: Partition) => !extendedTypes.includes(type));
}

async function lookInto(volume: Volume): Promise<Found> {
  try {
    const named = identifyFileSystem(await volume.read(0, Math.min(headLength, volume.size)));
    const found: Allocation[] = [];
    for (const parse of parsers) {
      const allocation = await parse(volume);
      if (allocation !== null) found.push(allocation);
    }
    const [only] = found;
    if (only === undefined) return withoutMap(named);
    const names = new Set([...found.map(({ fileSystem }) => fileSystem), ...(named === null ? [] : [named])]);
    if (names.size > 1) return { fileSystem: null, unknown: `it may be ${[...names].join(' or ')}` };
    if (await endsAsRaidMember(volume)) return { fileSystem: only.fileSystem, unknown: 'it is a member of a RAID' };
    return only;
  } catch (error) {
    // A part that cannot be read; or a fault of ours, which must not cost the backup.
    return { fileSystem: null, unknown: `its map cannot be read: ${reasonOf(error)}` };
  }
}

function withoutMap(named: string | null): Found {
  if (named === null) return { fileSystem: null, unknown: 'nothing known is in it' };
  return { fileSystem: named, unknown: 'no map of it is known' };
}

function compose(disk: Volume, found: readonly (Place & { readonly found: Found })[]): DiskAllocation {
  const between = complement(extentsOf(found.map(({ offset, length }) => [offset, length] as const)), disk.size);
  const used = found.map(({ offset, length, found: it }): Extents => {
    return 'used' in it ? shift(it.used, offset) : [[offset, length]];
  });
  return {
    volumes: found.map(({ number, offset, length, found: it }) => ({
      partition: number,
      offset,
      size: length,
      fileSystem: it.fileSystem,
      used: 'used' in it ? bytesIn(it.used) : null,
      reason: 'used' in it ? null : it.unknown,
    })),
    unallocated: complement(union(between, ...used), disk.size),
  };
}

/** Reads of partition tables reach past the end of small disks. */
function reaching(disk: Volume): Volume['read'] {
  return async (offset, length) => {
    const bytes = Buffer.alloc(length);
    const there = Math.max(0, Math.min(length, disk.size - offset));
    if (there > 0) (await disk.read(offset, there)).copy(bytes);
    return bytes;
  };
}
