/** What went to object storage and came from it, and about what that costs. */

export interface Traffic {
  /** By the names of the S3 API; each try counts, as it does on a bill. */
  readonly requests: Readonly<Record<string, number>>;
  /** Of contents. */
  readonly bytesUp: number;
  readonly bytesDown: number;
  readonly retries: number;
  /** What needed not to be asked for, as it was kept on this machine. */
  readonly fromCache: FromCache;
}

export interface FromCache {
  readonly requests: number;
  readonly bytes: number;
}

/** Of both. */
export function addTraffic(a: Traffic, b: Traffic): Traffic {
  const requests: Record<string, number> = { ...a.requests };
  for (const [verb, count] of Object.entries(b.requests)) requests[verb] = (requests[verb] ?? 0) + count;
  return {
    requests,
    bytesUp: a.bytesUp + b.bytesUp,
    bytesDown: a.bytesDown + b.bytesDown,
    retries: a.retries + b.retries,
    fromCache: {
      requests: a.fromCache.requests + b.fromCache.requests,
      bytes: a.fromCache.bytes + b.fromCache.bytes,
    },
  };
}

/** US dollars, as AWS lists them for S3 Standard in us-east-1 (November 2026); other servers and regions differ. */
const prices = { write: 0.005 / 1000, read: 0.0004 / 1000, byteOut: 0.09 / 1024 ** 3 };

/** Removing costs nothing. */
const free = new Set(['DeleteObject', 'DeleteObjects', 'AbortMultipartUpload']);
const reads = new Set([
  'GetObject',
  'HeadObject',
  'GetObjectRetention',
  'GetBucketVersioning',
  'GetObjectLockConfiguration',
]);

/** An estimate in US dollars, storage itself not counted: of bytes only those that leave the storage cost anything. */
export function estimateCost({ requests, bytesDown }: Traffic): number {
  let dollars = bytesDown * prices.byteOut;
  for (const [verb, count] of Object.entries(requests)) {
    if (!free.has(verb)) dollars += count * (reads.has(verb) ? prices.read : prices.write);
  }
  return dollars;
}
