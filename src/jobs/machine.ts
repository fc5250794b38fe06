/** What this machine can do for Strata, what is missing, and how to get it. */
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { arch } from 'node:os';
import { join } from 'node:path';
import { reasonOf } from '../errors.ts';

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

const devices = [
  { name: 'FUSE', path: '/dev/fuse', use: 'mounting restore points', remedy: 'modprobe fuse; apt-get install fuse3' },
  { name: 'loop devices', path: '/dev/loop-control', use: 'attaching images as drives', remedy: 'modprobe loop' },
] as const;

const tools: readonly Tool[] = [
  { name: 'LVM', command: 'lvs', use: 'snapshots of logical volumes', remedy: 'apt-get install lvm2' },
  { name: 'Btrfs', command: 'btrfs', use: 'snapshots on Btrfs', remedy: 'apt-get install btrfs-progs' },
  {
    name: 'ZFS',
    command: 'zfs',
    use: 'snapshots on ZFS',
    remedy: 'apt-get install zfsutils-linux (in the contrib section)',
  },
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
    ...(await Promise.all(devices.map(async (device) => ability(device, (await usable(device.path)) && device.path)))),
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
    return [{ ...required, found: true, detail, remedy: '' }, processor];
  } catch (error) {
    return [{ ...required, found: false, detail: reasonOf(error), remedy: 'build it; in a checkout: ./run setup' }];
  }
}

function ability(wanted: Omit<Tool, 'command'>, path: string | false): Ability {
  const { name, use, remedy } = wanted;
  if (path === false) return { name, found: false, required: false, detail: `for ${use}`, remedy };
  return { name, found: true, required: false, detail: path, remedy: '' };
}

/** Also in the folders of the administrator, which a user's PATH may lack. */
async function findCommand(command: string): Promise<string | false> {
  const folders = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin'].filter((folder) => folder !== '');
  for (const folder of folders) {
    const path = join(folder, command);
    if (await usable(path, constants.X_OK)) return path;
  }
  return false;
}

async function usable(path: string, mode = constants.R_OK | constants.W_OK): Promise<boolean> {
  return access(path, mode).then(
    () => true,
    () => false,
  );
}
