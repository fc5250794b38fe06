/**
 * The mark at the beginning of an export that takes what is overwritten while a snapshot is read. It says which snapshot
 * uses the export: two in one would spoil each other, and neither would notice. An export without it is taken only when it
 * holds nothing, so that a wrong address costs nobody his data.
 *
 * Whoever wants an export writes its mark, waits, and looks whether it stands there still; and looks again when all is
 * read: whoever came later has written his mark before anything else.
 */
import { open } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { native } from '../../native.ts';
import { thisProcess } from '../../repository/here.ts';
import { runCommand } from '../command.ts';

/** Bytes at the beginning that hold nothing else. */
export const markSize = 4096;
/** Bytes at both ends that must be zero: there lies what tells a partition, a file system or a volume. */
const telling = 1024 ** 2;
/** Milliseconds in which somebody who did not see our mark has written his. */
const waiting = 1000;

const markSchema = z.strictObject({
  strata: z.literal('snapshot store'),
  /** null: nobody uses it. */
  user: z.strictObject({ id: z.string(), host: z.string(), bootId: z.string(), since: z.string() }).nullable(),
});

type Mark = z.infer<typeof markSchema>;
const write = 'printf %s "$1" | dd "of=$2" bs=4096 count=1 conv=sync,notrunc iflag=fullblock oflag=direct status=none';

/** Takes a device for a snapshot; gives why it cannot be had, null when it is taken. `isAtWork` tells of another id of this machine. */
export async function claim(
  device: string,
  id: string,
  limit: number,
  isAtWork: (id: string) => Promise<boolean>,
): Promise<string | null> {
  const found = await look(device, limit);
  if ('trouble' in found) return found.trouble;
  const { user } = found.mark ?? { user: null };
  const { bootId, now } = thisProcess();
  if (found.mark === null && !(await isEmpty(device))) {
    return 'it holds something: an export for snapshots begins and ends with a MiB of zeros before it is used for the first time';
  }
  // One of this machine that nobody is at work with is that of a killed run, or of one that could not reach it any more.
  if (user !== null && user.bootId === bootId && (await isAtWork(user.id)))
    return 'another backup of this machine uses it';
  if (user !== null && user.bootId !== bootId && user.host !== hostname()) {
    return `${user.host} uses it since ${user.since}; if that is not so any more, write zeros over its first 4 KiB`;
  }
  const since = new Date(now()).toISOString();
  const trouble = await put(device, { id, host: hostname(), bootId, since }, limit);
  if (trouble !== null) return trouble;
  await pause(waiting);
  return markTrouble(device, id, limit);
}

/** Why a device is not, or not certainly, that of a snapshot any more; null when it is. */
export async function markTrouble(device: string, id: string, limit: number): Promise<string | null> {
  const found = await look(device, limit);
  if ('trouble' in found) return found.trouble;
  const user = found.mark?.user ?? null;
  if (user?.id === id) return null;
  return `${user?.host ?? 'somebody'} uses it for something else`;
}

/** Nobody uses the device any more. What keeps that from being written is no harm: this machine may take it all the same. */
export async function unclaim(device: string, id: string, limit: number): Promise<void> {
  if ((await markTrouble(device, id, limit)) === null) await put(device, null, limit);
}

async function put(device: string, user: Mark['user'], limit: number): Promise<string | null> {
  const text = `${JSON.stringify({ strata: 'snapshot store', user } satisfies Mark)}\n`;
  const { code, trouble } = await runCommand('sh', ['-c', write, 'sh', text, device], { limit });
  return code === 0 ? null : `it cannot be written: ${trouble}`;
}

/** Past the caches of this machine: somebody else may have written it. */
async function look(device: string, limit: number): Promise<{ mark: Mark | null } | { trouble: string }> {
  const words = [`if=${device}`, `bs=${markSize}`, 'count=1', 'iflag=direct', 'status=none'];
  const { code, stdout, trouble } = await runCommand('dd', words, { limit });
  if (code !== 0) return { trouble: `it does not answer: ${trouble}` };
  return { mark: parseMark(stdout) };
}

/** The mark that something begins with; null when there is none. */
export function parseMark(text: string): Mark | null {
  try {
    return markSchema.safeParse(JSON.parse(text.slice(0, text.indexOf('\n')))).data ?? null;
  } catch {
    return null;
  }
}

async function isEmpty(device: string): Promise<boolean> {
  const file = await open(device, 'r');
  try {
    const size = native.sizeOf(file.fd);
    const length = Math.min(telling, size);
    for (const at of [0, size - length]) {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(length), 0, length, at);
      if (bytesRead < length || buffer.some((byte) => byte !== 0)) return false;
    }
    return true;
  } finally {
    await file.close();
  }
}
