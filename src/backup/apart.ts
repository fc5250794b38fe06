/** Which disks of a run are not of the instant of the others, and what that means for it. */
import { fail } from '../errors.ts';
import type { Warning } from '../repository/events.ts';
import type { BackupOrder } from './request.ts';
import type { PlannedDisk } from './snapshots/together.ts';

export interface Apart {
  readonly path: string;
  readonly reason: string;
}

export function apartIn(plan: readonly PlannedDisk[]): Apart[] {
  return plan.flatMap(({ order, apart: reason }) => (reason === null ? [] : [{ path: order.source.path, reason }]));
}

/** NOT_ONE_INSTANT when the policy requires what cannot be had. */
export function requireOneInstant({ snapshot }: BackupOrder, apart: readonly Apart[]): void {
  if (snapshot === 'required' && apart.length > 0) throw fail('NOT_ONE_INSTANT', { reason: describe(apart) });
}

/** Without snapshots nobody expects them to be. */
export function warnOfSeveral(
  { snapshot }: BackupOrder,
  apart: readonly Apart[],
  warn: (warning: Warning) => void,
): void {
  if (snapshot === 'off' || apart.length === 0) return;
  warn({ code: 'NOT_ONE_INSTANT', message: `not all disks are of one instant: ${describe(apart)}` });
}

function describe(apart: readonly Apart[]): string {
  return apart.map(({ path, reason }) => `${path}: ${reason}`).join('; ');
}
