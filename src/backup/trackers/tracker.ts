/**
 * Trackers tell which extents of a source changed since a point, so that the others need not be read. The policy of a
 * disk is `off`, `auto` (one if it can be had), or the name of a tracker. There is no tracker yet: everything is read.
 */
import { fail } from '../../errors.ts';
import type { Manifest } from '../../repository/manifest.ts';
import type { Source } from '../source.ts';

/** What changed, as [offset, length] pairs, or why the tracker cannot say: then everything is read. */
export type Changes = { readonly extents: readonly (readonly [number, number])[] } | { readonly unknown: string };

export interface Tracker {
  readonly name: string;
  /** Whether it watches this source. */
  detect(source: Source): Promise<boolean>;
  since(source: Source, point: Manifest): Promise<Changes>;
}

/** NOT_SUPPORTED when the policy asks for a tracker. */
export function checkTrackerPolicy(policy: string): void {
  if (policy === 'off' || policy === 'auto') return;
  throw fail('NOT_SUPPORTED', { feature: `the tracker ${policy}`, instead: 'use --tracker off: everything is read' });
}
