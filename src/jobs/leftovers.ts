/** Mounts, drives and exports that killed processes left on this machine. */
import { clearLeftovers } from '../mount/janitor.ts';
import { losesOverlay } from '../mount/records/record.ts';
import type { Records } from '../mount/records/records.ts';
import type { Emit } from '../repository/events.ts';
import { thisProcess } from '../repository/here.ts';

/**
 * Clears them before something new is mounted; what cannot be cleared, and overlays that stay, are told. `overlay`: the
 * one that the new thing is to use, which stays in any case.
 */
export async function clearBefore(records: Records, emit: Emit, overlay: string | null = null): Promise<void> {
  for (const { record, trouble } of await clearLeftovers(records, thisProcess(), overlay)) {
    const what = `${record.kind} ${record.id}, left by a process that died`;
    const stays = record.overlay !== null && (!losesOverlay(record) || record.overlay === overlay);
    const kept = stays ? `; what was written to it is kept in ${record.overlay}` : '';
    const message = trouble === null ? `${what}, was cleared up${kept}` : `${what}, is still there: ${trouble.message}`;
    if (trouble !== null || stays) emit({ event: 'warning', code: 'LEFTOVER', message });
  }
}
