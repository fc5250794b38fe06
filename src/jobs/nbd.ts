import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { reasonOf } from '../errors.ts';
import { ContentTarget } from '../mount/content-target.ts';
import { defaultAddress, type NbdAddress, parseHostPort } from '../mount/nbd/address.ts';
import type { NbdEvent } from '../mount/nbd/events.ts';
import { serveNbd } from '../mount/nbd/server.ts';
import type { TlsFiles } from '../mount/nbd/tls.ts';
import { identityOf } from '../mount/processes.ts';
import { Journal } from '../mount/records/journal.ts';
import { Records } from '../mount/records/records.ts';
import { undo } from '../mount/undo.ts';
import type { Emit } from '../repository/events.ts';
import { thisProcess } from '../repository/here.ts';
import type { Repository } from '../repository/repository.ts';
import { selectPoint } from '../repository/select.ts';
import { type RepositoryAccess, withReading } from './access.ts';
import { openDisk } from './drive.ts';
import { type Job, runJob } from './job.ts';
import { clearBefore } from './leftovers.ts';

export interface NbdRequest {
  readonly spec: string;
  /** `HOST:PORT`; undefined: this machine only, NBD's own port. */
  readonly listen: string | undefined;
  /** A unix socket in its place. */
  readonly socket: string | undefined;
  readonly writable: boolean;
  /** The file that writes go to; undefined for one that is thrown away at the end. */
  readonly overlay: string | undefined;
  readonly tls: TlsFiles | undefined;
}

export interface NbdResult {
  readonly point: string;
  readonly clients: number;
  readonly requests: number;
  readonly errors: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** The overlay, when it is kept. */
  readonly overlay: string | null;
}

/** Serves one point over NBD until the job is stopped, which is how it ends well. */
export function nbdJob(access: RepositoryAccess, request: NbdRequest, job: Job): Promise<NbdResult> {
  const { spec, writable, tls } = request;
  const listen = addressOf(request);
  const kept = writable && request.overlay !== undefined ? resolve(request.overlay) : null;
  const thrown = writable && kept === null ? join(tmpdir(), `strata-overlay-${randomBytes(8).toString('hex')}`) : null;
  return runJob(job, (emit, signal) =>
    withReading(access, emit, async (repo) => {
      const records = new Records();
      await clearBefore(records, emit, kept);
      const point = await selectPoint(repo, spec, emit);
      const journal = await beginRecord(records, repo, { point: point.id, listen, kept, thrown });
      try {
        const content = await openDisk(repo, point, kept ?? thrown);
        const target = new ContentTarget(content, `point ${point.id}`, !writable);
        const name = `${point.machine}/${point.disk}`;
        const options = {
          listen,
          name,
          description: `point ${point.id} of ${point.time}`,
          preferredBlock: repo.config.blockSize,
          ...(tls === undefined ? {} : { tls }),
          report: (event: NbdEvent) => tell(event, point.id, emit),
        };
        const server = await serveNbd(target, options, signal);
        await journal.settle(identityOf(thisProcess()), server.uri);
        emit({ event: 'listening', uri: server.uri, point: point.id });
        await server.finished;
        const { accepted, requests, errors, bytesRead, bytesWritten } = server.counters;
        return {
          point: point.id,
          clients: accepted,
          requests,
          errors,
          bytesRead,
          bytesWritten,
          overlay: kept,
        };
      } finally {
        await undo(journal.record, { force: true });
        await journal.close();
      }
    }),
  );
}

interface Made {
  readonly point: string;
  readonly listen: NbdAddress;
  /** The overlay, when it was named; when it was not. */
  readonly kept: string | null;
  readonly thrown: string | null;
}

/** Writes down what is going to be made, and goes with the export. */
async function beginRecord(
  records: Records,
  repo: Repository,
  { point, listen, kept, thrown }: Made,
): Promise<Journal> {
  const subject = { kind: 'nbd', repository: repo.location, point, standsOn: null, overlay: kept ?? thrown } as const;
  const journal = await Journal.begin(records, subject);
  if (thrown !== null) await journal.add({ kind: 'overlay', path: thrown });
  if ('path' in listen) await journal.add({ kind: 'socket', path: listen.path });
  return journal;
}

function addressOf({ listen, socket }: NbdRequest): NbdAddress {
  if (socket !== undefined) return { path: resolve(socket) };
  return listen === undefined ? defaultAddress : parseHostPort(listen);
}

function tell(event: NbdEvent, point: string, emit: Emit): void {
  switch (event.event) {
    case 'error': {
      const { offset, length, error } = event;
      const { code = 'IO' } = error as { code?: string };
      emit({ event: 'damaged', point, file: 'nbd', offset, length, code, message: reasonOf(error) });
      break;
    }
    case 'refused':
      emit({ event: 'warning', code: 'NBD_CLIENT', message: `a client was refused: ${event.reason}` });
      break;
    case 'disconnected':
      if (event.reason !== null) {
        emit({ event: 'warning', code: 'NBD_CLIENT', message: `${event.client} was dropped: ${event.reason}` });
      }
      break;
    case 'connected':
      break;
  }
}
