import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import type { MountRequest, MountResult } from '../../jobs/mount.ts';
import { perform } from '../action.ts';
import { exitCodes } from '../exit-codes.ts';
import { size } from '../option-values.ts';
import { fields } from '../table.ts';
import { formatDuration, formatSize } from '../units.ts';

interface MountOptions {
  readonly driver: MountRequest['driver'];
  readonly allowOther?: true;
  readonly foreground?: true;
  readonly cacheSize?: number;
}

export function addMount(program: Command): void {
  const command = program
    .command('mount')
    .summary('show all restore points as files')
    .description(
      'Mounts a read-only tree of all points, each as raw, VHDX, VHD, VMDK and qcow2 image. It is made on the fly ' +
        'and kept up to date. The command returns when the mount can be used.',
    )
    .argument('<dir>', 'an existing folder')
    .addOption(new Option('--driver <name>', 'what serves the mount').choices(['fuse', 'fuse-native']).default('fuse'))
    .option('--allow-other', 'let other users read it, too')
    .option('--foreground', 'serve it in this process, until it is unmounted or Ctrl-C')
    .option('--cache-size <size>', 'memory for opened blocks (default: 256M)', size)
    .addHelpText(
      'after',
      `
Examples:
  $ strata mount /mnt/points
  $ ls /mnt/points/web1/sda/latest/
  $ qemu-img info /mnt/points/web1/sda/latest/disk.vhdx
  $ strata umount /mnt/points`,
    );
  perform<MountOptions, [string]>(command, async (session, options, directory) => {
    if (options.foreground) {
      const { mountJob } = await import('../../jobs/mount.ts');
      const { driver, cacheSize, allowOther } = options;
      const request = { directory, driver, allowOther: allowOther === true, cacheBytes: cacheSize };
      const result = await mountJob(session.access(), request, session.job());
      session.conclude(describe(result));
      return exitCodes.done;
    }
    const words = ['mount', resolve(directory), '--foreground', '--driver', options.driver];
    if (options.allowOther) words.push('--allow-other');
    if (options.cacheSize !== undefined) words.push('--cache-size', String(options.cacheSize));
    const { startInBackground } = await import('../../jobs/background.ts');
    const mounted = await startInBackground(session.access(), words, ({ message }) => session.warn(message));
    session.answer({ directory: mounted.directory, id: mounted.record }, () =>
      fields([
        ['mounted', mounted.directory],
        ['unmount', `strata umount ${mounted.directory}`],
      ]),
    );
    return exitCodes.done;
  });
}

function describe(result: MountResult): string[] {
  return fields([
    ['unmounted', result.directory],
    ['read', `${formatSize(result.bytes)} in ${result.reads} requests, ${result.errors} failed`],
    ['mounted for', formatDuration(result.seconds)],
  ]);
}
