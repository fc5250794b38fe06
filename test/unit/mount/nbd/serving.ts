import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { BlockTarget } from '../../../../src/mount/nbd/block-target.ts';
import type { NbdEvent } from '../../../../src/mount/nbd/events.ts';
import { type NbdOptions, type NbdServer, serveNbd } from '../../../../src/mount/nbd/server.ts';
import { scratchFolder } from '../../scratch.ts';

export interface Serving extends NbdServer {
  /** The unix socket, or '' when it is another address. */
  readonly path: string;
  readonly events: readonly NbdEvent[];
  /** Lets the server end, and waits until it has. */
  stop(): Promise<void>;
}

/** A server for the running test, on a unix socket unless said otherwise; stopped at its end. */
export async function serve(target: BlockTarget, options: Partial<NbdOptions> = {}): Promise<Serving> {
  const path = join(await scratchFolder(), 'nbd');
  const events: NbdEvent[] = [];
  const stopping = new AbortController();
  const server = await serveNbd(
    target,
    { listen: { path }, name: 'disk', report: (event) => events.push(event), ...options },
    stopping.signal,
  );
  const stop = () => {
    stopping.abort();
    return server.finished;
  };
  onTestFinished(stop);
  return { ...server, path: 'path' in server.address ? server.address.path : '', events, stop };
}
