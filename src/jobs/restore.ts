import { fail } from '../errors.ts';
import { exportImage } from '../mount/export.ts';
import { exportObject } from '../mount/export-object.ts';
import type { FormatName } from '../mount/formats/formats.ts';
import type { Restored } from '../repository/restored.ts';
import { isS3Location } from '../repository/stores/s3/address.ts';
import { type RestoreRequest as RawRequest, restore } from '../restore/restore.ts';
import { type RepositoryAccess, withReading } from './access.ts';
import { type Job, runJob } from './job.ts';

export type { FormatName } from '../mount/formats/formats.ts';
export type { Restored as RestoreResult } from '../repository/restored.ts';

export interface RestoreRequest extends RawRequest {
  /** Default `raw`; the others are whole disks in files. */
  readonly format?: FormatName | undefined;
}

/** Writes a point to a file, or raw to a device. */
export function restoreJob(access: RepositoryAccess, request: RestoreRequest, job: Job): Promise<Restored> {
  const { format = 'raw', ...rest } = request;
  const toBucket = isS3Location(request.to);
  return runJob(job, async (emit, signal) => {
    refuseUrl(request.to);
    if (format !== 'raw' || toBucket) requireWhole(request, format);
    return withReading(
      access,
      emit,
      (repo) =>
        toBucket
          ? exportObject(repo, { ...rest, format }, access.storage, emit, signal)
          : format === 'raw'
            ? restore(repo, rest, emit, signal)
            : exportImage(repo, { ...rest, format }, emit, signal),
      // A whole disk is read once, and would drive out what mounts read again and again.
      { signal, ranges: 'used' },
    );
  });
}

/** `s3://bucket/x` is no folder named `s3:`. */
function refuseUrl(target: string): void {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(target)?.[1];
  if (scheme && !isS3Location(target))
    throw fail('NOT_SUPPORTED', { feature: `writing to ${scheme}://`, instead: 'write to a file and copy it' });
}

function requireWhole({ delta = false, partition = null }: RestoreRequest, format: FormatName): void {
  const without = (option: string, reason: string) =>
    fail('USAGE', { problem: `${option} does not go with --format ${format}: ${reason}` });
  if (delta) throw without('--delta', 'only raw targets are compared');
  if (partition !== null) throw without('--partition', 'it makes an image of a whole disk');
}
