/** What an NBD server tells while it runs, and what it counts. */

export type NbdEvent =
  | { readonly event: 'connected'; readonly client: string }
  /** `reason` says why when it was not the client's wish or ours. */
  | { readonly event: 'disconnected'; readonly client: string; readonly reason: string | null }
  /** A client could not be taken: there are as many as may be, or the system has no room for it. */
  | { readonly event: 'refused'; readonly reason: string }
  /** The target failed: the client got an error for the request. */
  | {
      readonly event: 'error';
      readonly client: string;
      readonly export: string;
      readonly offset: number;
      readonly length: number;
      readonly error: unknown;
    };

export interface NbdCounters {
  /** Now: clients that are connected, requests and their bytes in flight. */
  connections: number;
  inFlight: number;
  bytesInFlight: number;
  /** Since the start. */
  accepted: number;
  refused: number;
  requests: number;
  /** Requests that were answered with an error, whoever is to blame. */
  errors: number;
  bytesRead: number;
  bytesWritten: number;
}

export function noCounts(): NbdCounters {
  return {
    connections: 0,
    inFlight: 0,
    bytesInFlight: 0,
    accepted: 0,
    refused: 0,
    requests: 0,
    errors: 0,
    bytesRead: 0,
    bytesWritten: 0,
  };
}
