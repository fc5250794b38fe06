/** Blocks that are given back to a disk (discard, by `fstrim` or at once) have another content afterwards. */
import { readFile, realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { deviceNumber } from '../../repository/devices.ts';
import type { DiskAllocation } from '../allocation/disk.ts';

/**
 * Whether a tracker that does not note them may call something unchanged that is not: where the disk takes them, unless
 * the map of each file system leaves out what is not used, and only that is ever given back.
 */
export async function missesDiscards(device: string, allocation: DiskAllocation | null): Promise<boolean> {
  const isMapped = allocation?.volumes.every(({ used }) => used !== null) ?? false;
  return !isMapped && (await takesDiscards(device));
}

/** What cannot be told counts as yes. */
async function takesDiscards(device: string): Promise<boolean> {
  const folder = await realpath(`/sys/dev/block/${await deviceNumber(device)}`).catch(() => '');
  // A partition has the queue of its disk.
  for (const owner of [folder, dirname(folder)]) {
    const text = await readFile(join(owner, 'queue/discard_max_bytes'), 'utf8').catch(() => null);
    if (text !== null) return text.trim() !== '0';
  }
  return true;
}
