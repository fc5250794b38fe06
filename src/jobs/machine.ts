/** What this machine can do for Strata, what is missing, and how to get it. */
import { constants } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { arch } from 'node:os';
import { stateOf, type TracingDriver, toolTrouble, tracingDrivers } from '../backup/tracing/drivers.ts';
import { pools } from '../backup/zfs/tool.ts';
import { reasonOf } from '../errors.ts';
import { whyNoDevice } from '../mount/drivers/dev-fuse.ts';
import { bytesOfCopies, cachesOfStorage } from '../repository/stores/cache-room.ts';
import { findCommand, isUsable } from './find-command.ts';
import { examineWithoutRoot } from './without-root.ts';

export interface Ability {
  readonly name: string;
  readonly found: boolean;
  /** Without it nothing works. */
  readonly required: boolean;
  /** What was found, or what it would be needed for. */
  readonly detail: string;
  /** How to get it; empty when it is there. */
  readonly remedy: string;
}

interface Tool {
  readonly name: string;
  readonly command: string;
  readonly use: string;
  readonly remedy: string;
}

const oldestNode = [22, 22] as const;

const loops = { name: 'loop devices', use: 'attaching images as drives', remedy: 'modprobe loop' };
const loopControl = '/dev/loop-control';

const mapper = { name: 'device-mapper', use: 'snapshots of logical volumes', remedy: 'modprobe dm-mod' };
/** Its control node may be there where the kernel has none. */
const mapperInUse = '/sys/class/misc/device-mapper';

const tools: readonly Tool[] = [
  {
    name: 'LVM',
    command: 'lvs',
    use: 'snapshots of logical volumes',
    remedy: 'apt-get install lvm2',
  },
  {
    name: 'thin_delta',
    command: 'thin_delta',
    use: 'what changed in thin volumes',
    remedy: 'apt-get install thin-provisioning-tools',
  },
  {
    name: 'nbd-client',
    command: 'nbd-client',
    use: 'the room of snapshots on another machine (--snapshot-store)',
    remedy: 'apt-get install nbd-client',
  },
  { name: 'Btrfs', command: 'btrfs', use: 'snapshots of Btrfs subvolumes', remedy: 'apt-get install btrfs-progs' },
  { name: 'fsfreeze', command: 'fsfreeze', use: 'freezing file systems', remedy: 'apt-get install util-linux' },
  {
    name: 'qemu-img',
    command: 'qemu-img',
    use: 'checking images of other formats',
    remedy: 'apt-get install qemu-utils',
  },
];

/** Looks at this machine. */
export async function examineMachine(): Promise<Ability[]> {
  return [
    examineNode(),
    ...(await examineAddon()),
    await examineFuse(),
    await examineCopies(),
    ability(loops, (await isUsable(loopControl, constants.R_OK | constants.W_OK)) ? loopControl : null),
    await examineReflink(),
    await examineZfs(),
    ability(mapper, (await isUsable(mapperInUse, constants.R_OK)) ? '/dev/mapper' : null),
    ...(await Promise.all(tracingDrivers.map(examineDriver))),
    ...(await examineWithoutRoot()),
    ...(await Promise.all(tools.map(async (tool) => ability(tool, await findCommand(tool.command))))),
  ];
}

function examineNode(): Ability {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const found = major > oldestNode[0] || (major === oldestNode[0] && minor >= oldestNode[1]);
  const remedy = found ? '' : `install Node.js ${oldestNode.join('.')} or newer`;
  return { name: 'Node.js', found, required: true, detail: `${process.version} ${arch()}`, remedy };
}

async function examineAddon(): Promise<Ability[]> {
  const required = { name: 'native addon', required: true };
  try {
    const { native } = await import('../native.ts');
    const { zstd, openssl, features, threads } = native.about();
    const detail = `zstd ${zstd}, ${openssl}, ${threads} threads`;
    const processor = { name: 'processor', found: true, required: false, detail: features.join(' '), remedy: '' };
    const version = native.nbdLibrary();
    const nbd = { name: 'libnbd', use: 'backing up exports of NBD servers', remedy: 'apt-get install libnbd0' };
    return [{ ...required, found: true, detail, remedy: '' }, processor, ability(nbd, version)];
  } catch (error) {
    return [{ ...required, found: false, detail: reasonOf(error), remedy: 'build it; in a checkout: ./run setup' }];
  }
}

async function examineFuse(): Promise<Ability> {
  const trouble = await whyNoDevice();
  const wanted = { name: 'FUSE', use: 'mounting restore points', remedy: trouble ?? '' };
  return ability(wanted, trouble === null ? '/dev/fuse' : null);
}

/** Copies of what lies in object storage. */
async function examineCopies(): Promise<Ability> {
  const folder = cachesOfStorage();
  const detail = `${folder}: ${await bytesOfCopies(folder)} bytes, which can be deleted at any time`;
  return { name: 'copies of object storage', found: true, required: false, detail, remedy: '' };
}

/** Whether a file system is mounted that has files that share blocks. */
async function examineReflink(): Promise<Ability> {
  const mounts = (await readFile('/proc/self/mounts', 'utf8')).split('\n').map((line) => line.split(' '));
  const able = mounts.filter(([, , type = '']) => ['xfs', 'btrfs', 'bcachefs'].includes(type)).map(([, at]) => at);
  const wanted = {
    name: 'reflink',
    use: 'snapshots of image files, and what changed in them',
    remedy: 'keep image files on XFS or Btrfs',
  };
  return ability(wanted, able.length === 0 ? null : able.join(' '));
}

async function examineZfs(): Promise<Ability> {
  const wanted = {
    name: 'ZFS',
    use: 'snapshots of volumes and image files on ZFS, and what changed in them',
    remedy: 'apt-get install zfsutils-linux (in the contrib section)',
  };
  if ((await findCommand('zfs')) === null) return ability(wanted, null);
  try {
    const found = await pools();
    return ability(wanted, found.length === 0 ? 'no pool is imported' : found.join(' '));
  } catch (error) {
    return ability({ ...wanted, remedy: reasonOf(error) }, null);
  }
}

/** A driver that follows what is written to mounted devices. */
async function examineDriver(driver: TracingDriver): Promise<Ability> {
  const { name, state, tool } = driver;
  const use = `snapshots of mounted ext and XFS devices, and what changed in them (--snapshot ${name})`;
  const remedy = `install and load the kernel module ${name}, with its command ${tool}`;
  try {
    if ((await stateOf(driver)) === null) return ability({ name, use, remedy }, null);
    const trouble = await toolTrouble(driver);
    return ability({ name, use, remedy: trouble ?? '' }, trouble === null ? state : null);
  } catch (error) {
    return ability({ name, use, remedy: reasonOf(error) }, null);
  }
}

function ability(wanted: Omit<Tool, 'command'>, path: string | null): Ability {
  const { name, use, remedy } = wanted;
  if (path === null) return { name, found: false, required: false, detail: `for ${use}`, remedy };
  return { name, found: true, required: false, detail: path, remedy: '' };
}
