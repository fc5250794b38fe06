/** Decodes requests, and tells which of them are refused without being tried ("Request message", "Error values"). */
import type { BlockTarget } from './block-target.ts';
import { ProtocolError } from './channel.ts';
import { command, commandFlag, type Errno, errno, limits, magic } from './constants.ts';
import type { Session } from './handshake.ts';

export interface Request {
  readonly flags: number;
  readonly type: number;
  /** Whatever the client put there; its replies carry it. */
  readonly cookie: bigint;
  /** Past 2^53 it is not exact, and past the end of any disk. */
  readonly offset: number;
  readonly length: number;
}

/** Without the right magic nothing that follows can be understood. */
export function decodeRequest(header: Buffer): Request {
  if (header.readUInt32BE(0) !== magic.request) throw new ProtocolError('wrong request magic');
  return {
    flags: header.readUInt16BE(4),
    type: header.readUInt16BE(6),
    cookie: header.readBigUInt64BE(8),
    offset: Number(header.readBigUInt64BE(16)),
    length: header.readUInt32BE(24),
  };
}

/** What the request takes of the connection's window. */
export function costOf({ type, length }: Request): number {
  if (type === command.read || type === command.write) return Math.max(length, limits.request);
  return type === command.blockStatus ? limits.statusRequest : limits.request;
}

/** The error to answer with at once; `none` for a request that may be tried. */
export function refusalOf(request: Request, target: BlockTarget, session: Session): Errno {
  const { type, flags, offset, length } = request;
  const writes = type === command.write || type === command.trim || type === command.writeZeroes;
  if (writes && target.readOnly) return errno.EPERM;
  if ((flags & ~allowedFlags(type, target.readOnly, session)) !== 0) return errno.EINVAL;
  switch (type) {
    case command.flush:
      return target.readOnly || offset !== 0 || length !== 0 ? errno.EINVAL : errno.none;
    case command.blockStatus:
      if (!session.allocation) return errno.EINVAL;
      break;
    case command.read:
      if (length > limits.payload) return session.structured ? errno.EOVERFLOW : errno.EINVAL;
      break;
    case command.write:
    case command.trim:
    case command.writeZeroes:
      break;
    default:
      return errno.EINVAL;
  }
  // The protocol leaves open what nothing means.
  if (length === 0) return errno.EINVAL;
  if (offset > target.size - length) return writes && type !== command.trim ? errno.ENOSPC : errno.EINVAL;
  return errno.none;
}

/** "Command flags": FUA is valid with every command once it was offered, the others with their own only. */
function allowedFlags(type: number, readOnly: boolean, { structured }: Session): number {
  const fua = readOnly ? 0 : commandFlag.fua;
  switch (type) {
    case command.read:
      return fua | (structured ? commandFlag.df : 0);
    case command.writeZeroes:
      return fua | commandFlag.noHole | commandFlag.fastZero;
    case command.blockStatus:
      return fua | commandFlag.reqOne;
    default:
      return fua;
  }
}
