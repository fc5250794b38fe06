/** Dirty bitmaps of qemu by their names: which one a backup begins, which one a point names. */
import { randomBytes } from 'node:crypto';
import { fail } from '../../errors.ts';
import type { Manifest } from '../../repository/manifest.ts';
import { isNbdUri } from './uri.ts';

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
  const isName = name !== '' && !/\p{Cc}/u.test(name) && Buffer.byteLength(name) <= longestName;
  if (isName) return name;
  throw fail('USAGE', { problem: 'the tracker nbd-bitmap: wants the name of a bitmap, of at most 1023 bytes' });
}

/** The bitmap that began at a point's instant, and the export that it was told of; null when the point names none. */
export function bitmapOf({ tracking }: Manifest): { readonly name: string; readonly uri: string } | null {
  const { kept } = tracking ?? {};
  return kept !== undefined && isNbdUri(kept.path) ? { name: kept.generation, uri: kept.path } : null;
}

/** The meta context under which qemu shows a bitmap. */
export function contextOf(name: string): string {
  return `qemu:dirty-bitmap:${name}`;
}
