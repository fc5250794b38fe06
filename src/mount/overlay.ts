/**
 * Overlay files: what was written over a restore point. The head, which is checked here, says of which point; native
 * keeps a bit for each 4 KiB and the data, each at its own offset, behind it (native/core/overlay.h). All that was never
 * written is a hole.
 */
import { type FileHandle, open, rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { fail, fromNative, fromSystem } from '../errors.ts';
import type { Content } from '../native/images.ts';
import { native } from '../native.ts';
import { syncPath } from '../repository/stores/local.ts';

const grain = 4096;
/** Bytes of the head. */
const headLength = 4096;

const headSchema = z.object({
  strata: z.literal('overlay'),
  format: z.literal(1),
  repository: z.string(),
  point: z.string().regex(/^[0-9a-f]{24}$/),
  /** Bytes of the disk. */
  size: z.int().positive(),
  grain: z.literal(grain),
});

type Head = Readonly<z.infer<typeof headSchema>>;

/** The point that an overlay is written over. */
export type OverlaySubject = Pick<Head, 'repository' | 'point' | 'size'>;

/** Makes an overlay file in which nothing is written yet; it must not exist. */
export async function createOverlay(path: string, subject: OverlaySubject): Promise<void> {
  const head: Head = { strata: 'overlay', format: 1, ...subject, grain };
  const bytes = Buffer.alloc(headLength);
  bytes.write(`${JSON.stringify(head)}\n`);
  let made = false;
  try {
    const file = await open(path, 'wx', 0o600);
    made = true;
    try {
      await file.writeFile(bytes);
      await file.truncate(placesOf(subject.size).dataOffset + subject.size);
      await file.sync();
    } finally {
      await file.close();
    }
    await syncPath(dirname(resolve(path)));
  } catch (error) {
    // What cannot be made whole is not left in part; the failure is the one to tell.
    if (made) await rm(path, { force: true }).catch(() => undefined);
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw fail('TARGET_EXISTS', { path }, { cause: error });
    throw fromSystem(error, `cannot make the overlay ${path}`);
  }
}

/** Lays an overlay over `content`, which is that of its point. No other process can have it open. */
export async function openOverlay(path: string, subject: OverlaySubject, content: Content): Promise<Content> {
  const file = await open(path, 'r+').catch((error: unknown) => {
    throw fromSystem(error, `cannot open the overlay ${path}`);
  });
  try {
    const head = await readHead(file, path);
    for (const key of ['repository', 'point', 'size'] as const) {
      if (head[key] !== subject[key]) {
        throw fail('OVERLAY_UNSUITABLE', {
          path,
          reason: `it was written over ${key} ${head[key]}, not ${subject[key]}`,
        });
      }
    }
    return native.openOverlay({ content, path, fd: file.fd, ...placesOf(head.size) });
  } catch (error) {
    throw fromNative(error, path);
  } finally {
    await file.close();
  }
}

async function readHead(file: FileHandle, path: string): Promise<Head> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(headLength), 0, headLength, 0);
  const [text = ''] = buffer.toString('utf8', 0, bytesRead).split('\n', 1);
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (cause) {
    throw fail('OVERLAY_UNSUITABLE', { path, reason: 'it is not an overlay' }, { cause });
  }
  const { data, error } = headSchema.safeParse(content);
  if (data === undefined) {
    throw fail('OVERLAY_UNSUITABLE', {
      path,
      reason: `it is not an overlay that this version knows (${error.issues[0]?.message})`,
    });
  }
  const { size } = await file.stat();
  if (size < placesOf(data.size).dataOffset + data.size) {
    throw fail('OVERLAY_UNSUITABLE', { path, reason: 'it was cut short' });
  }
  return data;
}

function placesOf(size: number): { bitsOffset: number; dataOffset: number } {
  const bits = Math.ceil(Math.ceil(size / grain) / 8);
  return { bitsOffset: headLength, dataOffset: Math.ceil((headLength + bits) / grain) * grain };
}
