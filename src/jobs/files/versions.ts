/** One file in several points: which of them hold the same content. Each point is attached in turn, and the file is read. */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { fail } from '../../errors.ts';
import type { RepositoryAccess } from '../access.ts';
import { describeFailure, type Job, runJob } from '../job.ts';
import { entryOf, type FileEntry } from './browse.ts';
import { openPartition } from './open.ts';
import { bytesOf, resolveInside } from './path.ts';

export interface VersionsRequest {
  /** Ids, in the order in which they are looked at. */
  readonly points: readonly string[];
  readonly partition: number | null;
  /** The file, below the root of the partition (path.ts). */
  readonly key: string;
}

/** The file in one of the points. */
export interface FileVersion {
  readonly point: string;
  /** Null when it is not there, or could not be read. */
  readonly file: Pick<FileEntry, 'size' | 'modified'> | null;
  /** SHA-256 of its content, hex; null when there is no file. */
  readonly digest: string | null;
  /** Why it could not be looked at; null when it could, though there may be no such file. */
  readonly trouble: string | null;
}

export interface VersionsResult {
  readonly versions: readonly FileVersion[];
  /** Contents that differ. */
  readonly contents: number;
  readonly seconds: number;
}

const chunk = 1024 ** 2;

/** Looks at a file in each of the points. One that cannot be attached is named in the result, and does not end it. */
export function fileVersionsJob(access: RepositoryAccess, request: VersionsRequest, job: Job): Promise<VersionsResult> {
  return runJob(job, async (emit, signal) => {
    const started = Date.now();
    let read = 0;
    const count = (bytes: number) => {
      read += bytes;
      emit({ event: 'progress', position: read, total: null });
    };
    const versions: FileVersion[] = [];
    for (const point of request.points) {
      if (signal.aborted) throw fail('INTERRUPTED', { action: 'comparing the file' });
      versions.push(await versionIn(access, { ...request, point }, signal, count));
    }
    const contents = new Set(versions.map(({ digest }) => digest).filter((digest) => digest !== null)).size;
    return { versions, contents, seconds: (Date.now() - started) / 1000 };
  });
}

async function versionIn(
  access: RepositoryAccess,
  { point, partition, key }: { point: string; partition: number | null; key: string },
  signal: AbortSignal,
  count: (bytes: number) => void,
): Promise<FileVersion> {
  const nothing = { point, file: null, digest: null };
  try {
    const { root, close } = await openPartition(access, { point, partition }, { report: () => undefined, signal });
    try {
      const entry = await entryOf(root, key).catch((error: unknown) =>
        isMissing(error) ? null : Promise.reject(error),
      );
      if (entry === null) return { ...nothing, trouble: null };
      if (entry.kind !== 'file') return { ...nothing, trouble: `it is a ${entry.kind} there` };
      const digest = await digestOf(bytesOf(await resolveInside(root, key)), signal, count);
      return { point, file: { size: entry.size, modified: entry.modified }, digest, trouble: null };
    } finally {
      await close();
    }
  } catch (error) {
    if (signal.aborted) throw error;
    return { ...nothing, trouble: describeFailure(error).message };
  }
}

function isMissing(error: unknown): boolean {
  const { code = '' } = ((error as Error).cause ?? {}) as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR';
}

async function digestOf(path: Buffer, signal: AbortSignal, count: (bytes: number) => void): Promise<string> {
  const hash = createHash('sha256');
  const file = await open(path, 'r');
  try {
    const buffer = Buffer.allocUnsafe(chunk);
    for (;;) {
      if (signal.aborted) throw fail('INTERRUPTED', { action: 'comparing the file' });
      const { bytesRead } = await file.read(buffer, 0, chunk);
      if (bytesRead === 0) return hash.digest('hex');
      hash.update(buffer.subarray(0, bytesRead));
      count(bytesRead);
    }
  } finally {
    await file.close();
  }
}
