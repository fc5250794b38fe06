/** A virtual machine that runs Strata itself, out of this checkout, on disks that device-mapper has in hand. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { type Bench, checkout, type Json } from '../e2e/strata.ts';
import { expectOneInstant } from '../unit/backup/snapshots/hammer.ts';
import { hammerBlock } from '../unit/backup/snapshots/hammer-places.ts';
import { Guest } from './guest.ts';
import { makeGuestParts, sharingDrivers, whyNoGuest } from './guest-parts.ts';

const mib = 1024 ** 2;
const program = join(checkout, 'strata');
const node = join(checkout, '.toolchain/bin/node');
const hammerChild = join(checkout, 'test/unit/backup/snapshots/hammer-child.ts');

/** The writer's part of each volume, at its beginning. */
export const hammered = 8 * mib;
/** Bytes of each volume. */
export const volumeSize = 48 * mib;

/** Why there cannot be one on this machine; an empty text when there can. */
export async function whyNoStrataGuest(): Promise<string> {
  for (const tool of ['lvs', 'dmsetup', 'thin_delta']) {
    try {
      execFileSync('sh', ['-c', `PATH=$PATH:/usr/sbin:/sbin command -v ${tool}`]);
    } catch {
      return `${tool} is missing (./run test --long installs it)`;
    }
  }
  return whyNoGuest();
}

/** There is no udev in it: the tools make their nodes themselves. */
const lvmSettings = [
  'devices { obtain_device_list_from_udev=0',
  'external_device_info_source="none" }',
  'activation { udev_sync=0',
  'udev_rules=0',
  'monitoring=0 }',
];

/** Has /dev/vda to make volumes on, and a repository. */
export class StrataGuest {
  readonly guest: Guest;
  /** The path of `strata` in it. */
  readonly program = program;
  /** What is restored to /dev/vdb, and what the writer wrote, copied to /dev/vdc. */
  readonly #restored: string;
  readonly #original: string;

  private constructor(guest: Guest, restored: string, original: string) {
    this.guest = guest;
    this.#restored = restored;
    this.#original = original;
  }

  /** `more` are words for qemu. */
  static async start(bench: Bench, drivers: readonly string[], more: readonly string[] = []): Promise<StrataGuest> {
    const parts = await makeGuestParts(bench.folder, [...sharingDrivers, ...drivers]);
    const [volumes, restored, original] = ['volumes', 'restored', 'original'].map((name) => bench.path(name)) as [
      string,
      string,
      string,
    ];
    for (const [disk, size] of [[volumes, 1024 * mib] as const, [restored, volumeSize], [original, hammered]] as const)
      execFileSync('truncate', ['-s', `${size}`, disk]);
    const words = [volumes, restored, original].flatMap((disk) => [
      '-drive',
      `file=${disk},format=raw,if=virtio,cache=unsafe,discard=unmap`,
    ]);
    const guest = new Guest(parts, { memory: 1536, sharesHost: true, words: [...more, ...words] });
    await guest.ready();
    await guest.run(`mkdir -p /etc/lvm /mnt; printf '${lvmSettings.join('\\n')}\\n' > /etc/lvm/lvmlocal.conf`);
    await guest.run('export DM_DISABLE_UDEV=1 STRATA_REPO=/run/repo NODE_COMPILE_CACHE=/run/compiled');
    // Of this machine it sees those, too.
    await guest.run('export STRATA_SNAPSHOT_DIR=/run/snapshots; mkdir -m 700 /run/snapshots');
    await guest.run(`${program} init --no-encryption --block-size 64K --json`);
    return new StrataGuest(guest, restored, original);
  }

  /** Runs a line of shell. */
  run(line: string, code = 0): Promise<string> {
    return this.guest.run(line, code);
  }

  /** Runs `strata`; gives the events that it printed. */
  async strata(line: string, code = 0, environment = ''): Promise<Json[]> {
    const output = await this.run(`${environment} ${program} ${line} --json 2>&1`, code);
    return output.split('\n').flatMap((text) => (text.startsWith('{"event"') ? [JSON.parse(text)] : []));
  }

  /** Backs a device up, whole but for what a tracker knows; gives the result, or the error. */
  async backUp(device: string, more = '', code = 0): Promise<Json> {
    return (await this.strata(`backup ${device} --machine m --allocation off ${more}`, code)).at(-1);
  }

  /** What `doctor` knows of snapshots. */
  async leftSnapshots(): Promise<Json> {
    return JSON.parse(await this.run(`${program} doctor --json 2>/dev/null`)).snapshots;
  }

  /** Starts the writer; gives how to end it. */
  async hammer(device: string): Promise<() => Promise<unknown>> {
    const words = `${hammerChild} ${device} ${hammered / hammerBlock} sync`;
    await this.run(`rm -f /run/hammer; ${node} ${words} > /run/hammer & hammer=$!`);
    await this.run('until [ -s /run/hammer ]; do sleep 0.1; done');
    return () => this.run('kill -9 $hammer; wait $hammer', 137);
  }

  /** Fails unless the newest point of a disk shows one instant of what the writer did, which goes on. */
  async expectInstant(device: string, disk: string): Promise<void> {
    await this.strata(`restore m/${disk}@latest --to /dev/vdb --force`);
    await this.run(`dd if=${device} of=/dev/vdc bs=1M count=${hammered / mib} oflag=direct,sync; sync`);
    await expectOneInstant(readFileSync(this.#restored).subarray(0, hammered), this.#original);
  }

  /** Fails unless the newest point of a disk is what the device has now, that nobody writes to. */
  async expectContent(device: string, disk: string): Promise<void> {
    await this.strata(`restore m/${disk}@latest --to /dev/vdb --force`);
    await this.run(`blockdev --flushbufs ${device}; cmp -n ${volumeSize} /dev/vdb ${device}`);
  }

  /** Starts a backup that takes long, and kills it when it reads. */
  async killAmid(device: string, more = ''): Promise<void> {
    const line = `backup ${device} --machine m --allocation off --rate-limit 1M --full ${more} --json`;
    await this.run(`${program} ${line} > /run/killed 2>&1 & run=$!`);
    await this.run(`until grep -q '"stage":"read"' /run/killed; do sleep 0.1; done`);
    await this.run('kill -9 $run; wait $run', 137);
  }

  /** Fails when there is a record of a snapshot. */
  async expectNoRecords(): Promise<void> {
    expect(await this.run('ls -A /run/snapshots')).toBe('');
  }

  /** Ends it. */
  async kill(): Promise<void> {
    await this.guest.kill();
  }
}
