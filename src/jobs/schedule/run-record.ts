/** The record of one run of a saved job: written when it starts, replaced when it ends. */
import { z } from 'zod';
import { isGone, type ProcessIdentity } from '../../mount/processes.ts';
import type { Here } from '../../repository/here.ts';

const note = z.object({ code: z.string(), message: z.string() });

export const runSchema = z.object({
  format: z.literal(1),
  id: z.string().regex(/^[0-9a-f]{8}$/),
  job: z.string(),
  kind: z.string(),
  started: z.iso.datetime({ precision: 3 }),
  /** Null while it runs, and when it was killed. */
  finished: z.iso.datetime({ precision: 3 }).nullable(),
  /** `missed`: it was due while nothing could run it. */
  outcome: z.enum(['running', 'done', 'warnings', 'failed', 'interrupted', 'missed']),
  seconds: z.number().nonnegative().nullable(),
  bytesRead: z.int().nonnegative(),
  bytesStored: z.int().nonnegative(),
  /** The point that it made. */
  point: z.string().nullable(),
  warnings: z.array(note).readonly(),
  /** What it failed of. */
  error: note.nullable(),
  /** Whose record it is: when that process is gone, a run that is not finished was killed. */
  process: z.object({ pid: z.int(), start: z.string(), pidNamespace: z.string(), bootId: z.string() }),
});

export type RunRecord = Readonly<z.infer<typeof runSchema>>;

/** What is known of a run when it has ended. */
export type RunEnd = Pick<RunRecord, 'outcome' | 'bytesRead' | 'bytesStored' | 'point' | 'warnings' | 'error'>;

/** Whose runs are being recorded. */
export interface RunProcess extends ProcessIdentity {
  readonly bootId: string;
}

/** The record as it is to be understood: a run whose process is gone was interrupted. */
export async function settled(record: RunRecord, here: Here): Promise<RunRecord> {
  if (record.outcome !== 'running') return record;
  const gone = record.process.bootId !== here.bootId || (await isGone(record.process, here));
  return gone ? interrupted(record) : record;
}

/** A run that was killed; when, nobody knows. */
export function interrupted(record: RunRecord): RunRecord {
  const error = { code: 'INTERRUPTED', message: `process ${record.process.pid} was killed, or the machine went off` };
  return { ...record, outcome: 'interrupted', error };
}
