/**
 * Btrfs knows its devices by UUID, so a copy beside its original is taken for the same file system: older kernels mix the
 * two up. This is looked for before anything is mounted.
 */
import { open, readdir } from 'node:fs/promises';
import { fail, fromSystem, type StrataError } from '../../errors.ts';
import { readMounts } from '../../repository/mounts.ts';

const superblock = { at: 0x10000, length: 0x1000 };
const fsidAt = 0x20;
const deviceCountAt = 0x88;

export interface BtrfsIdentity {
  readonly uuid: string;
  /** How many devices the file system lies on. */
  readonly devices: number;
}

/** What the superblock says; the caller knows that there is one. */
export function parseSuperblock(bytes: Buffer): BtrfsIdentity {
  const [, ...groups] = /^(.{8})(.{4})(.{4})(.{4})(.{12})$/.exec(bytes.toString('hex', fsidAt, fsidAt + 16)) ?? [];
  return { uuid: groups.join('-'), devices: Number(bytes.readBigUInt64LE(deviceCountAt)) };
}

/** Why the Btrfs file system on a device must not be mounted now; null when it may be. */
export async function btrfsObstacle(device: string): Promise<StrataError | null> {
  const { uuid, devices } = parseSuperblock(await readSuperblock(device));
  if (devices > 1) {
    return fail('CONTENT_NOT_MOUNTED', {
      device,
      what: `one of the ${devices} devices of a Btrfs file system`,
      instead: `attach all of them, then mount -o ro,device=DEVICE,… ${device} DIR`,
    });
  }
  const original = await mountedDevice(uuid);
  return original === null ? null : fail('UUID_CLASH', { device, original });
}

/** The kernel lists Btrfs file systems that are mounted anywhere, with their devices. */
async function mountedDevice(uuid: string): Promise<string | null> {
  const names = await readdir(`/sys/fs/btrfs/${uuid}/devices`).catch(() => null);
  if (names === null) return null;
  const paths = names.map((name) => `/dev/${name}`);
  const mount = (await readMounts()).find(({ source }) => paths.includes(source));
  return mount === undefined ? paths.join(', ') : `${mount.source} at ${mount.at}`;
}

async function readSuperblock(device: string): Promise<Buffer> {
  const file = await open(device, 'r').catch((error: unknown) => {
    throw fromSystem(error, `cannot open ${device}`);
  });
  try {
    const { buffer } = await file.read(Buffer.alloc(superblock.length), 0, superblock.length, superblock.at);
    return buffer;
  } catch (error) {
    throw fromSystem(error, `cannot read ${device}`);
  } finally {
    await file.close();
  }
}
