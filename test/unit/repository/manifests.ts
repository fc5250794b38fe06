import { randomBytes } from 'node:crypto';
import { type Manifest, manifestName } from '../../../src/repository/manifest.ts';
import { sealRecord } from '../../../src/repository/record.ts';
import type { Repository } from '../../../src/repository/repository.ts';

/** A manifest that passes the check, with some fields set. */
export function sampleManifest(fields: Partial<Manifest> = {}): Manifest {
  const column = { bytes: 1000, indexOffset: 500, indexLength: 500, indexDigest: 'cd'.repeat(32) };
  const parent = fields.parent ?? null;
  return {
    format: 1,
    id: randomBytes(12).toString('hex'),
    machine: 'web1',
    disk: 'sda',
    time: '2026-11-20T22:00:00.123Z',
    kind: parent === null ? 'full' : 'incremental',
    parent,
    chainLength: parent === null ? 1 : 2,
    size: 1_000_000,
    blockSize: 65536,
    root: 'ab'.repeat(32),
    map: { loc: column, dig: column, dataBlocks: 10, zeroBlocks: 6 },
    type: 'manual',
    tags: ['a', 'b'],
    note: 'before the update',
    source: { path: '/dev/sda', kind: 'device' },
    snapshot: 'off',
    tracker: 'off',
    unreadable: [[0, 512]],
    warnings: [{ code: 'UNREADABLE', message: '512 bytes could not be read' }],
    stats: {
      bytesRead: 1_000_000,
      bytesNew: 655_360,
      bytesStored: 200_000,
      blocks: { changed: 10, zero: 6, deduplicated: 0 },
      seconds: 1.5,
    },
    host: 'web1',
    software: 'strata 0.1.0',
    ...fields,
  };
}

/** Puts points into a repository that have a manifest and nothing else. */
export async function putManifests(repo: Repository, ...manifests: readonly Manifest[]): Promise<void> {
  for (const manifest of manifests) {
    const name = manifestName(manifest.id);
    await repo.store.put(name, sealRecord(repo.vault, name, manifest));
  }
}

/** An id that begins with the digits given. */
export function idFrom(digits: string): string {
  return digits.padEnd(24, '0');
}
