/** Who is measured, and what each does in a step: shell commands in the working folder. */

export const steps = ['full', 'unchanged', 'incremental', 'restore', 'verify'] as const;
export type Step = (typeof steps)[number];

export interface Contestant {
  readonly name: string;
  /** Run once a round, before the first step, unmeasured. */
  readonly prepare?: string;
  readonly commands: { readonly [step in Step]?: string };
  /** File or folder that holds what it stores. */
  readonly storage?: string;
}

/** What a step leaves behind that no later step needs. */
export const leftovers = ['restored', 'disk.zst', 'disk.qcow2'] as const;
/** Where the measured Strata puts the restored image. */
export const restoredImage = 'restored/disk.img';

const strataBackup = 'strata -q backup disk.img --machine bench';
const borgCreate = 'borg create --chunker-params fixed,1048576 --compression zstd,1';
const read = 'dd if=disk.img of=/dev/null bs=1M status=none';

export const contestants: readonly Contestant[] = [
  {
    name: 'strata',
    // The dry run fills Node's compile cache, as the installed tool's would be.
    prepare: 'strata -q init && strata -q backup disk.img --dry-run',
    commands: {
      full: strataBackup,
      unchanged: strataBackup,
      incremental: strataBackup,
      restore: `mkdir restored; exec strata -q restore bench/disk.img@latest --to ${restoredImage}`,
      verify: 'strata -q verify --all',
    },
    storage: 'strata',
  },
  { name: 'dd to /dev/null', commands: { full: read, unchanged: read, incremental: read } },
  { name: 'zstd -1 -T0', commands: { full: 'zstd -1 -T0 -q disk.img -o disk.zst' }, storage: 'disk.zst' },
  {
    name: 'qemu-img convert -c',
    commands: { full: 'qemu-img convert -c -f raw -O qcow2 disk.img disk.qcow2' },
    storage: 'disk.qcow2',
  },
  { name: 'cp', commands: { restore: 'mkdir restored; exec cp disk.img restored/disk.img' } },
  // What a restore promises: that it is on the disk.
  {
    name: 'cp and sync',
    commands: { restore: 'mkdir restored; cp disk.img restored/disk.img; exec sync restored/disk.img' },
  },
  {
    name: 'restic',
    prepare: 'restic -q init',
    commands: {
      full: 'restic -q backup disk.img',
      unchanged: 'restic -q backup --force disk.img',
      incremental: 'restic -q backup disk.img',
      restore: 'exec restic -q restore latest --target restored',
      verify: 'restic -q check --read-data',
    },
    storage: 'restic',
  },
  {
    name: 'borg',
    prepare: 'borg init -e repokey',
    commands: {
      full: `${borgCreate} ::full disk.img`,
      unchanged: `${borgCreate} --files-cache=disabled ::unchanged disk.img`,
      incremental: `${borgCreate} ::incremental disk.img`,
      restore: 'mkdir restored; cd restored; exec borg extract --sparse ::incremental',
      verify: 'borg check --verify-data',
    },
    storage: 'borg',
  },
];
