/** Options about snapshots and the hooks around them, which a backup and a saved job take. */
import type { Command } from 'commander';
import type { BackupRequest } from '../jobs/backup.ts';
import { sizeOrPercent, text, wholeNumber } from './option-values.ts';

export interface SnapshotOptions {
  readonly snapshotFolder?: string;
  readonly snapshotStore?: string;
  readonly snapshotSize?: NonNullable<BackupRequest['snapshotSize']>;
  readonly freezeLimit?: number;
  readonly hookPre?: string;
  readonly hookFreeze?: string;
  readonly hookThaw?: string;
  readonly hookPost?: string;
  readonly hookLimit?: number;
}

export const snapshotOptions = [
  'snapshotFolder',
  'snapshotStore',
  'snapshotSize',
  'freezeLimit',
  'hookPre',
  'hookFreeze',
  'hookThaw',
  'hookPost',
  'hookLimit',
] as const satisfies readonly (keyof SnapshotOptions)[];

const longest = 86_400;

/** Adds them; `kind` names the kind of job that takes them. */
export function addSnapshotOptions(command: Command, kind = ''): Command {
  const seconds = wholeNumber(1, longest);
  return command
    .option(
      '--snapshot-folder <dir>',
      `${kind}where to put files that share blocks (default: beside the image), of dm-snapshot, and copies`,
      text,
    )
    .option(
      '--snapshot-store <nbd>',
      `${kind}where dm-snapshot puts what is overwritten: nbd://HOST[:PORT]/EXPORT, with --snapshot-folder for a buffer`,
      text,
    )
    .option(
      '--snapshot-size <size>',
      `${kind}room of a snapshot by lvm, dm-snapshot or a driver: 2G, or 10% of the disk (default: 5%)`,
      sizeOrPercent,
    )
    .option('--freeze-limit <seconds>', `${kind}the longest that file systems stand still (default: 60)`, seconds)
    .option('--hook-pre <command>', `${kind}run before all else`, text)
    .option('--hook-freeze <command>', `${kind}run just before the snapshot, to bring applications to rest`, text)
    .option('--hook-thaw <command>', `${kind}run just after it, whatever came of it`, text)
    .option('--hook-post <command>', `${kind}run at the end, whatever came of it`, text)
    .option('--hook-limit <seconds>', `${kind}the longest that a hook may take (default: 60)`, seconds);
}

/** What they ask for. */
export function snapshotRequestOf(
  options: SnapshotOptions,
): Pick<BackupRequest, 'snapshotFolder' | 'snapshotStore' | 'snapshotSize' | 'freezeLimit' | 'hooks' | 'hookLimit'> {
  const { snapshotFolder, snapshotStore, snapshotSize, freezeLimit, hookLimit } = options;
  const { hookPre, hookFreeze, hookThaw, hookPost } = options;
  const commands = { pre: hookPre, freeze: hookFreeze, thaw: hookThaw, post: hookPost };
  const hooks = Object.entries(commands).filter(([, command]) => command !== undefined);
  return {
    ...(snapshotFolder === undefined ? {} : { snapshotFolder }),
    ...(snapshotStore === undefined ? {} : { snapshotStore }),
    ...(snapshotSize === undefined ? {} : { snapshotSize }),
    ...(freezeLimit === undefined ? {} : { freezeLimit: freezeLimit * 1000 }),
    ...(hooks.length === 0 ? {} : { hooks: Object.fromEntries(hooks) }),
    ...(hookLimit === undefined ? {} : { hookLimit: hookLimit * 1000 }),
  };
}
