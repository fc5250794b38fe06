/** The commit: a manifest is created, and with it the point exists. */
import { isStrataError } from '../errors.ts';
import type { Lease } from './lease.ts';
import { checkManifest, type Manifest, manifestName } from './manifest.ts';
import { writeMark } from './marks.ts';
import { sealRecord } from './record.ts';
import type { Repository } from './repository.ts';

/**
 * Makes the point of a run whose packs and columns are stored. LEASE_LOST when the run was taken for dead, for then a
 * collection may have freed what the point refers to: looked at before, and again afterwards, for a process can be
 * stopped for any time between two of its steps.
 */
export async function commitManifest(repo: Repository, lease: Lease, content: Manifest): Promise<Manifest> {
  // Never store what a reader would refuse.
  const manifest = checkManifest(lease.id, content);
  const name = manifestName(lease.id);
  await lease.check();
  await repo.store.put(name, sealRecord(repo.vault, name, manifest));
  try {
    await lease.check();
  } catch (error) {
    if (isStrataError(error, 'LEASE_LOST')) await withdraw(repo, lease.id);
    throw error;
  }
  return manifest;
}

/** A manifest that is locked, or that who wrote it may not remove, stays: then the point is forgotten. */
async function withdraw(repo: Repository, point: string): Promise<void> {
  try {
    await repo.store.remove(manifestName(point));
  } catch (error) {
    if (!isStrataError(error, 'OBJECT_LOCKED', 'STORAGE_FORBIDDEN')) throw error;
    await writeMark(repo, point, 'forgotten', true);
  }
}
