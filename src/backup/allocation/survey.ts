/** Asking a source for its allocation, as the policy of its disk wants it. */
import { fail, fromNative } from '../../errors.ts';
import type { NbdExport } from '../../native/source.ts';
import { native } from '../../native.ts';
import type { Warning } from '../../repository/events.ts';
import type { Source } from '../source.ts';
import { allocationOf, type DiskAllocation, type VolumeAllocation } from './disk.ts';
import { volumeOf } from './volume.ts';

/** `auto`: what can be had is used; `required`: what cannot be had is a warning; `off`: everything is read. */
export const allocationPolicies = ['auto', 'required', 'off'] as const;

export type AllocationPolicy = (typeof allocationPolicies)[number];

/** NOT_SUPPORTED when the policy asks a stream for what it cannot tell. */
export function checkAllocationPolicy(policy: AllocationPolicy, { kind }: Source): void {
  if (policy !== 'required' || kind !== 'stream') return;
  throw fail('NOT_SUPPORTED', { feature: 'the allocation of a stream', instead: 'use --allocation off' });
}

/** Reads the maps of a source; null where they are not asked for. */
export async function surveyAllocation(source: Source, policy: AllocationPolicy): Promise<DiskAllocation | null> {
  const { kind, input, size, mountedAt, isShared } = source;
  if (policy === 'off' || kind === 'stream' || size === null) return null;
  if (mountedAt.length > 0) return inUse(size, `it is mounted writable at ${mountedAt.join(', ')}`);
  if (isShared) return inUse(size, 'its server takes writes: others may change it meanwhile');
  const reader = open(source.path, input as string | NbdExport, kind, size);
  try {
    return await allocationOf(volumeOf(size, (offset, length) => native.readSource(reader, { offset, length })));
  } finally {
    native.closeSource(reader);
  }
}

/** The warnings that a policy of `required` wants: volumes that are read whole. */
export function unmapped(path: string, { volumes }: DiskAllocation): readonly Warning[] {
  return volumes
    .filter(({ used }) => used === null)
    .map((volume) => ({
      code: 'NOT_MAPPED',
      message: `${describeVolume(volume)} of ${path} was read whole: ${volume.reason}`,
    }));
}

function describeVolume({ partition, fileSystem }: VolumeAllocation): string {
  const place = partition === null ? 'the whole' : `partition ${partition}`;
  return fileSystem === null ? place : `${place} (${fileSystem})`;
}

function open(path: string, source: string | NbdExport, kind: 'file' | 'device' | 'nbd', size: number) {
  try {
    return native.openSource({ source, kind, size });
  } catch (error) {
    throw fromNative(error, path);
  }
}

/** Nothing is left out: what is free when the map is read may be used when the disk is. */
function inUse(size: number, reason: string): DiskAllocation {
  const whole = { partition: null, offset: 0, size, fileSystem: null, used: null, reason };
  return { volumes: [whole], unallocated: [] };
}
