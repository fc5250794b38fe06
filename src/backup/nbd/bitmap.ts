/** Dirty bitmaps of qemu by their names: which one a backup begins, which one a point names. */
import { randomBytes } from 'node:crypto';
import { fail } from '../../errors.ts';
import type { Manifest } from '../../repository/manifest.ts';
import { isNbdUri, parseNbdUri } from './uri.ts';

/** Of qcow2, in bytes. */
const longestName = 1023;

/**
 * The bitmap that begins at the instant which the point will show, when the tracker `nbd-bitmap` or `nbd-bitmap:NAME` is asked for; null
 * when it is not. A name of ours is never given twice. USAGE when it can be none.
 */
export function beginningBitmap(policy: string): string | null {
  if (policy === 'nbd-bitmap') return `strata-${randomBytes(12).toString('hex')}`;
  if (!policy.startsWith('nbd-bitmap:')) return null;
  const name = policy.slice('nbd-bitmap:'.length);
  if (isName(name)) return name;
  throw fail('USAGE', { problem: 'the tracker nbd-bitmap: wants the name of a bitmap, of at most 1023 bytes' });
}

/** The bitmap that began at a point's instant, and the name of the export that it is of; null when the point names none. */
export function bitmapOf({ tracking }: Manifest): { readonly name: string; readonly of: string } | null {
  const { kept } = tracking ?? {};
  if (kept === undefined || !isNbdUri(kept.path) || !isName(kept.generation)) return null;
  try {
    return { name: kept.generation, of: parseNbdUri(kept.path).name };
  } catch {
    return null; // an address that a later Strata may know
  }
}

function isName(name: string): boolean {
  return name !== '' && !/\p{Cc}/u.test(name) && Buffer.byteLength(name) <= longestName;
}

/** The meta context under which qemu shows a bitmap. */
export function contextOf(name: string): string {
  return `qemu:dirty-bitmap:${name}`;
}
