import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { Repository } from '../../src/repository/repository.ts';

/** A folder of its own for the running test, removed at its end. */
export function scratchFolder(): Promise<string> {
  return folderIn(tmpdir());
}

/** A place in memory where the machine has one: for tests that sync often, and to which it does not matter. */
export const memoryPlace = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

/** A folder in memory. */
export function scratchMemory(): Promise<string> {
  return folderIn(memoryPlace);
}

async function folderIn(place: string): Promise<string> {
  const folder = await mkdtemp(join(place, 'strata-test-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A new repository for the running test; without a passphrase it is not encrypted. */
export async function scratchRepository(passphrase?: string): Promise<Repository> {
  const location = join(await scratchFolder(), 'repo');
  const repo = await Repository.create(location, {
    blockSize: 65536,
    encryption: passphrase !== undefined,
    passphrase,
  });
  onTestFinished(() => repo.close());
  return repo;
}

/** A signal that never comes. */
export function quiet(): AbortSignal {
  return new AbortController().signal;
}
