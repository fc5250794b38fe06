/** Does what requests ask of the target ("Request types"). */
import { errorTable, isStrataError } from '../../errors.ts';
import type { BlockTarget, Run } from './block-target.ts';
import type { BufferPool } from './buffer-pool.ts';
import type { Message } from './channel.ts';
import { command, commandFlag, type Errno, errno, limits } from './constants.ts';
import type { Session } from './handshake.ts';
import { dataChunk, holeChunk, simpleReply, statusChunk } from './replies.ts';
import type { Request } from './request.ts';

/** The target could not do it: the error to answer with, and where it happened. */
export class RequestFailed extends Error {
  readonly errno: Errno;
  readonly offset: number;

  constructor(errno: Errno, offset: number, cause?: unknown) {
    super('the request failed', { cause });
    this.errno = errno;
    this.offset = offset;
  }
}

const zeros = Buffer.alloc(limits.zerosWritten);

/** What requests are done with. Buffers of replies come from the pool, to be given back when they were sent. */
export interface Workplace {
  readonly target: BlockTarget;
  readonly session: Session;
  readonly buffers: BufferPool;
}

/** Does a request that may be tried, and gives its reply; rejects with RequestFailed. */
export async function perform(request: Request, payload: Buffer | null, at: Workplace): Promise<Message> {
  const { target } = at;
  try {
    if (request.type === command.read) return await read(request, at);
    if (request.type === command.blockStatus) return await blockStatus(request, target);
    await change(request, payload, target);
    return simpleReply(request.cookie, errno.none);
  } catch (error) {
    if (error instanceof RequestFailed) throw error;
    throw new RequestFailed(errnoOf(error), request.offset, error);
  }
}

async function read({ cookie, flags, offset, length }: Request, at: Workplace): Promise<Message> {
  const { structured, allocation } = at.session;
  if (!structured) return simpleReply(cookie, errno.none, await bytesOf(offset, length, at));
  // Who can ask for block status knows the holes, and does not read them.
  const sparse = !allocation && length >= limits.sparseRead && (flags & commandFlag.df) === 0;
  if (sparse) return readSparse(cookie, offset, length, at);
  return dataChunk(cookie, true, offset, await bytesOf(offset, length, at));
}

/** Sends holes as such: a chunk for each run. The last one is marked as such, for by then no error can come. */
async function readSparse(cookie: bigint, offset: number, length: number, at: Workplace): Promise<Message> {
  const pieces = complete(await at.target.extents(offset, length, limits.readRuns), offset, length);
  const chunks = await Promise.allSettled(
    pieces.map(async (piece, index) => {
      const last = index === pieces.length - 1;
      if (piece.kind === 'zeros') return holeChunk(cookie, last, piece.offset, piece.length);
      return dataChunk(cookie, last, piece.offset, await bytesOf(piece.offset, piece.length, at));
    }),
  );
  return chunks.flatMap((chunk, index) => {
    if (chunk.status === 'fulfilled') return chunk.value;
    throw new RequestFailed(errnoOf(chunk.reason), pieces[index]?.offset ?? offset, chunk.reason);
  });
}

async function bytesOf(offset: number, length: number, { target, buffers }: Workplace): Promise<Buffer> {
  const into = buffers.take(length);
  const bytes = await target.read(offset, length, into);
  if (bytes !== into) buffers.give(into);
  return bytes;
}

/** The runs with their offsets, and what they leave out of the range as data. */
function complete(runs: readonly Run[], offset: number, length: number): (Run & { readonly offset: number })[] {
  const pieces: (Run & { readonly offset: number })[] = [];
  let at = offset;
  for (const run of runs) {
    pieces.push({ ...run, offset: at });
    at += run.length;
  }
  if (at < offset + length) pieces.push({ offset: at, length: offset + length - at, kind: 'data' });
  return pieces;
}

async function blockStatus({ cookie, flags, offset, length }: Request, target: BlockTarget): Promise<Message> {
  const limit = (flags & commandFlag.reqOne) === 0 ? limits.statusRuns : 1;
  return statusChunk(cookie, await target.extents(offset, length, limit));
}

async function change({ type, flags, offset, length }: Request, payload: Buffer | null, target: BlockTarget) {
  if (type === command.flush) return target.flush();
  if (payload !== null) await target.write(offset, payload);
  else if ((flags & commandFlag.noHole) === 0) await target.zero(offset, length);
  else if ((flags & commandFlag.fastZero) !== 0) throw new RequestFailed(errno.ENOTSUP, offset);
  else await writeZeros(offset, length, target);
  if ((flags & commandFlag.fua) !== 0) await target.flush();
}

/** The client wants the space to be taken, so zeros are written like other data. */
async function writeZeros(offset: number, length: number, target: BlockTarget): Promise<void> {
  for (let done = 0; done < length; done += zeros.length) {
    await target.write(offset + done, zeros.subarray(0, length - done));
  }
}

function errnoOf(error: unknown): Errno {
  if (!isStrataError(error)) return errno.EIO;
  const kind = errorTable[error.code];
  switch ('errno' in kind ? kind.errno : null) {
    case 'ENOSPC':
      return errno.ENOSPC;
    case 'EROFS':
    case 'EACCES':
      return errno.EPERM;
    case 'ENOMEM':
      return errno.ENOMEM;
    default:
      return errno.EIO;
  }
}
