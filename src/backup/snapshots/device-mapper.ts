/** What device-mapper says of its devices (the kernel's admin-guide/device-mapper: snapshot, writecache, thin-provisioning, era). */
import { fail } from '../../errors.ts';
import { runCommand } from '../command.ts';
import type { Seen } from './guarding.ts';

const limit = 60_000;
const sector = 512;

/** The name of a logical volume's device, or of a part of it (`tpool`, `cow`). */
export function mapperName(group: string, name: string, part = ''): string {
  const doubled = [group, name].map((text) => text.replaceAll('-', '--')).join('-');
  return part === '' ? doubled : `${doubled}-${part}`;
}

/** The line of its status; null when there is no such device. */
export async function statusOf(device: string): Promise<string | null> {
  const { code, stdout, trouble } = await runCommand('dmsetup', ['status', device], { limit });
  if (code === 0) return stdout.trim();
  if (await isGone(device)) return null;
  throw fail('IO', { what: `cannot tell the state of ${device}`, reason: trouble });
}

/** Sends a message to a device. */
export async function sendMessage(device: string, message: string): Promise<void> {
  const { code, trouble } = await runCommand('dmsetup', ['message', device, '0', message], { limit });
  if (code !== 0) throw fail('IO', { what: `${device} does not take ${message}`, reason: trouble });
}

/** What the state of a snapshot says: whether it is what it was, and how full its room is. */
export function snapshotSeen(status: string | null): Seen {
  if (status === null) return lost('it is gone');
  const [, , target, room = ''] = status.split(/\s+/);
  if (target !== 'snapshot') return lost(`its device is now of the kind ${target}`);
  const [, used, total] = /^(\d+)\/(\d+)$/.exec(room) ?? [];
  if (used !== undefined)
    return { trouble: null, room: { used: Number(used) * sector, total: Number(total) * sector } };
  if (room === 'Invalid' || room === 'Overflow') {
    return lost(
      'more was written meanwhile than it has room for (--snapshot-size, --snapshot-store), or its room cannot be written',
    );
  }
  return lost(`it is in the state ${room}`);
}

function lost(trouble: string): Seen {
  return { trouble, room: null };
}

export interface WritecacheStatus {
  /** 0, or what it failed of; it takes no writes then. */
  readonly error: number;
  /** Blocks that it has room for, and those of them that are free. */
  readonly blocks: number;
  readonly free: number;
}

/** What the state of a device with a writecache says; null when it is none. */
export function writecacheStatus(status: string | null): WritecacheStatus | null {
  const [, error = '', blocks, free] = /^\d+ \d+ writecache (-?\d+) (\d+) (\d+) /.exec(status ?? '') ?? [];
  return error === '' ? null : { error: Number(error), blocks: Number(blocks), free: Number(free) };
}

export interface PoolStatus {
  /** Whether somebody holds a snapshot of the metadata. */
  readonly metadataHeld: boolean;
  /** What keeps it from taking what is written to its volumes; null when nothing does. */
  readonly trouble: string | null;
}

/** What the state of a thin pool says; null when it is none. */
export function poolStatus(status: string | null): PoolStatus | null {
  const [, , target, ...words] = (status ?? '').split(/\s+/);
  if (target !== 'thin-pool') return null;
  if (words[0] === 'Fail' || words[0] === 'Error') return { metadataHeld: false, trouble: 'has failed' };
  const [transaction = '', metadata = '', data = '', held = '', mode = ''] = words;
  const shares = /^\d+\/\d+$/;
  if (!/^\d+$/.test(transaction) || !shares.test(metadata) || !shares.test(data) || !/^(-|\d+)$/.test(held))
    return null;
  const troubles: Record<string, string | null> = {
    rw: null,
    out_of_data_space: 'has no room left',
    ro: 'cannot be written',
  };
  return { metadataHeld: held !== '-', trouble: mode in troubles ? (troubles[mode] ?? null) : `is ${mode}` };
}

export interface EraStatus {
  /** The one that it counts now. */
  readonly era: number;
  /** The block of the metadata at which a snapshot of it lies that somebody holds; null: nobody does. */
  readonly held: number | null;
}

/** What the state of a device with eras says; null when it is none. */
export function eraStatus(status: string | null): EraStatus | null {
  const [, era = '', held] = /^\d+ \d+ era \d+ \d+\/\d+ (\d+) (-|\d+)$/.exec(status ?? '') ?? [];
  return era === '' ? null : { era: Number(era), held: held === '-' ? null : Number(held) };
}

async function isGone(device: string): Promise<boolean> {
  const { code, stdout } = await runCommand('dmsetup', ['info', '--columns', '--noheadings', '--options', 'name'], {
    limit,
  });
  return code === 0 && !stdout.split('\n').includes(device);
}
