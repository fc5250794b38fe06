/** What those can do who are not root, as far as this machine lets them; root is told, too. */
import { constants } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { findCommand, isUsable } from './find-command.ts';
import type { Ability } from './machine.ts';

/** Where the system keeps what decides it. */
export interface FusePlaces {
  readonly device: string;
  readonly configuration: string;
  /** The program that mounts for users; null when there is none. */
  readonly helper: string | null;
}

const setUser = 0o4000;
const othersReadAndWrite = 0o006;

/** Looks at what works without root. */
export async function examineWithoutRoot(places?: FusePlaces): Promise<Ability[]> {
  const { device, configuration, helper } = places ?? {
    device: '/dev/fuse',
    configuration: '/etc/fuse.conf',
    helper: await findCommand('fusermount3'),
  };
  const remedy = (await whyNoDevice(device)) ?? (await whyNoHelper(helper));
  const shared = await hasLine(configuration, 'user_allow_other');
  const tool = await findCommand('fuse2fs');
  return [
    {
      name: 'mounts without root',
      found: remedy === null,
      required: false,
      detail: remedy === null ? `${device}, ${helper}` : 'for mounting restore points as another user than root',
      remedy: remedy ?? '',
    },
    {
      name: 'shared mounts without root',
      found: shared,
      required: false,
      detail: shared ? `user_allow_other in ${configuration}` : 'for mount --allow-other as another user than root',
      remedy: shared ? '' : `write a line user_allow_other into ${configuration}`,
    },
    {
      name: 'ext4 without root',
      found: tool !== null,
      required: false,
      detail: tool === null ? 'for the files in a mounted partition' : `${tool} -o ro …/partitions/1.raw FOLDER`,
      remedy: tool === null ? 'apt-get install fuse2fs' : '',
    },
  ];
}

/** What makes the device usable for users; null when they can use it. Root sees it with everybody's eyes. */
async function whyNoDevice(device: string): Promise<string | null> {
  const mode = await stat(device).then(
    (found) => found.mode,
    () => null,
  );
  if (mode === null) return 'modprobe fuse';
  const usable =
    process.getuid?.() === 0
      ? (mode & othersReadAndWrite) === othersReadAndWrite
      : await isUsable(device, constants.R_OK | constants.W_OK);
  return usable ? null : `chmod 666 ${device}`;
}

/** Mounting is root's: the helper must be his, and run as him. */
async function whyNoHelper(helper: string | null): Promise<string | null> {
  if (helper === null) return 'apt-get install fuse3';
  const { mode, uid } = await stat(helper);
  return uid === 0 && (mode & setUser) !== 0 ? null : `chown root ${helper}; chmod 4755 ${helper}`;
}

async function hasLine(path: string, line: string): Promise<boolean> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text.split('\n').some((found) => found.trim() === line);
}
