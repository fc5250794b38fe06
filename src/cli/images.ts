/** What the commands that write a point to a file have in common. */
import { Option } from 'commander';
import type { FormatName, RestoreResult } from '../jobs/restore.ts';
import { fields } from './table.ts';
import { formatDuration, formatSize } from './units.ts';

export interface ImageOptions {
  readonly to: string;
  readonly format: FormatName;
  readonly force?: true;
  readonly sparse: boolean;
  readonly dryRun?: true;
}

const formats: readonly FormatName[] = ['raw', 'vhdx', 'vhd', 'vmdk', 'qcow2'];

export function formatOption(): Option {
  return new Option('--format <format>', 'of the file').choices(formats);
}

export const imageNotes = `Formats:
  vhdx, vhd   for Hyper-V and Windows. They refuse a file with the sparse attribute. A file that is copied to Windows
              (SMB, robocopy) loses its holes and is taken; one that is to be used where it is written, on an NTFS
              drive or a share, needs --no-sparse
  vmdk        two files, x.vmdk and x-flat.vmdk, which belong together
  qcow2       for qemu`;

/** The lines about a point that was written out; `done` is what the command calls that. */
export function describeRestored(result: RestoreResult, done: 'restored' | 'exported'): string[] {
  const { point, to, dryRun, size, bytesWritten, bytesSkipped, bytesByServer, seconds } = result;
  if (dryRun) return fields([['would write', `${point} of ${formatSize(size)} to ${to}`]]);
  return fields([
    [done, `${point} to ${to}`],
    ['written', `${formatSize(bytesWritten)} of ${formatSize(size)}`],
    bytesByServer === undefined
      ? ['skipped', formatSize(bytesSkipped)]
      : ['zeros', `${formatSize(bytesByServer)} put there by the server`],
    ['took', formatDuration(seconds)],
  ]);
}
