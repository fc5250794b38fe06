/** What device-mapper says of its devices (the kernel's admin-guide/device-mapper: snapshot, thin-provisioning). */
import { fail } from '../../errors.ts';
import { runCommand } from '../command.ts';

const limit = 60_000;

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

/** What keeps a snapshot from being what it was; null when it is that. */
export function snapshotTrouble(status: string | null): string | null {
  if (status === null) return 'it is gone';
  const [, , target, room = ''] = status.split(/\s+/);
  if (target !== 'snapshot') return `its device is now of the kind ${target}`;
  if (/^\d+\/\d+$/.test(room)) return null;
  if (room === 'Invalid' || room === 'Overflow') {
    return 'more was written meanwhile than it has room for (--snapshot-size), or its room cannot be written';
  }
  return `it is in the state ${room}`;
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

async function isGone(device: string): Promise<boolean> {
  const { code, stdout } = await runCommand('dmsetup', ['info', '--columns', '--noheadings', '--options', 'name'], {
    limit,
  });
  return code === 0 && !stdout.split('\n').includes(device);
}
