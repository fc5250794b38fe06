/**
 * What lists show of points, kept on the local disk for the next list: of ten thousand points none has to be read again.
 *
 * It is one record, sealed as those of the repository are, so it tells nothing to who has not the passphrase, and nobody else can have made it:
 * what stands in it was checked before. It only saves reading: which points and marks there are, the repository tells each time. A copy that
 * does not open is as none; one that cannot be written is not missed.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { cachePath } from './caches.ts';
import type { Mark } from './marks.ts';
import type { PointFacts, SynthesisMode } from './points.ts';
import { openRecord, sealRecord } from './record.ts';
import type { Repository } from './repository.ts';

/** What is known of a point, whatever its marks. */
export interface KnownPoint {
  readonly facts: PointFacts;
  readonly mode?: SynthesisMode;
}

export interface KnownList {
  readonly points: readonly KnownPoint[];
  /** By their names. */
  readonly marks: ReadonlyMap<string, Mark>;
}

/** The name that it is sealed for; no object of a repository has it. Another content has another name. */
const sealedFor = 'known/list-2';

/** What was kept last; nothing is known otherwise. */
export async function readKnownList(repo: Repository): Promise<KnownList> {
  try {
    const { points, marks } = openRecord(repo.vault, nameFor(repo), await readFile(pathFor(repo))) as {
      points: readonly KnownPoint[];
      marks: readonly [string, Mark][];
    };
    return { points, marks: new Map(marks) };
  } catch {
    return { points: [], marks: new Map() };
  }
}

/** Keeps what is known now. */
export async function keepKnownList(repo: Repository, { points, marks }: KnownList): Promise<void> {
  const path = pathFor(repo);
  const part = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeFile(part, sealRecord(repo.vault, nameFor(repo), { points, marks: [...marks] }), { mode: 0o600 });
    await rename(part, path);
  } catch {
    await rm(part, { force: true }).catch(() => undefined);
  }
}

/** Repositories that are not encrypted have one key. */
function nameFor({ config }: Repository): string {
  return `${sealedFor}/${config.id}`;
}

function pathFor({ config }: Repository): string {
  return cachePath(config.id, 'points');
}
