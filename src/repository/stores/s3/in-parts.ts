/** Objects that come in parts: begun, then finished, or aborted when anything goes wrong. */
import type { Bucket } from './bucket.ts';
import type { Lock } from './retentions.ts';
import type { Part } from './uploads.ts';

interface HowToFinish {
  /** An upload that was begun before. */
  readonly begun?: string | undefined;
  readonly lock?: Lock | undefined;
}

/** Creates an object of `size` bytes of the parts that `make` has arrive for an upload. When it fails nothing of it stays. */
export async function inParts(
  bucket: Bucket,
  key: string,
  size: number,
  make: (uploadId: string) => Promise<readonly Part[]>,
  { begun, lock }: HowToFinish = {},
): Promise<void> {
  const uploadId = begun ?? (await bucket.uploads.start(key));
  try {
    await bucket.uploads.finish(key, uploadId, await make(uploadId), size, lock);
  } catch (error) {
    // What is left of it costs money until it is removed; a later run removes it if this cannot.
    await bucket.uploads.abort(key, uploadId).catch(() => undefined);
    throw error;
  }
}
