/** Mounts and drives that killed processes left on this machine. */
import { clearLeftovers } from '../mount/janitor.ts';
import type { Records } from '../mount/records/records.ts';
import type { Emit } from '../repository/events.ts';

/** Clears them before something new is mounted; what cannot be cleared, and overlays that stay, are told. */
export async function clearBefore(records: Records, emit: Emit): Promise<void> {
  for (const { record, trouble } of await clearLeftovers(records)) {
    const what = `${record.kind} ${record.id}, left by a process that died`;
    const kept = record.overlay === null ? '' : `; what was written to it is kept in ${record.overlay}`;
    const message = trouble === null ? `${what}, was cleared up${kept}` : `${what}, is still there: ${trouble.message}`;
    if (trouble !== null || record.overlay !== null) emit({ event: 'warning', code: 'LEFTOVER', message });
  }
}
