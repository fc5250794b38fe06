/**
 * The numbers of the NBD protocol, named as it names them ("Values" in
 * https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md), and the limits that we set.
 */

const KiB = 1024;
const MiB = 1024 * KiB;

export const magic = {
  server: 0x4e42444d41474943n,
  option: 0x49484156454f5054n,
  optionReply: 0x3e889045565a9n,
  request: 0x25609513,
  simpleReply: 0x67446698,
  structuredReply: 0x668e33ef,
} as const;

/** Handshake flags and client flags: the same two. */
export const handshakeFlag = { fixedNewstyle: 1 << 0, noZeroes: 1 << 1 } as const;

export const transmissionFlag = {
  hasFlags: 1 << 0,
  readOnly: 1 << 1,
  sendFlush: 1 << 2,
  sendFua: 1 << 3,
  sendTrim: 1 << 5,
  sendWriteZeroes: 1 << 6,
  sendDf: 1 << 7,
  canMultiConn: 1 << 8,
  sendFastZero: 1 << 11,
} as const;

export const option = {
  exportName: 1,
  abort: 2,
  list: 3,
  startTls: 5,
  info: 6,
  go: 7,
  structuredReply: 8,
  listMetaContext: 9,
  setMetaContext: 10,
} as const;

export const optionReply = {
  ack: 1,
  server: 2,
  info: 3,
  metaContext: 4,
  errUnsup: 0x8000_0001,
  errPolicy: 0x8000_0002,
  errInvalid: 0x8000_0003,
  errTlsReqd: 0x8000_0005,
  errUnknown: 0x8000_0006,
  errTooBig: 0x8000_0009,
} as const;

export const info = { export: 0, name: 1, description: 2, blockSize: 3 } as const;

export const command = {
  read: 0,
  write: 1,
  disc: 2,
  flush: 3,
  trim: 4,
  writeZeroes: 6,
  blockStatus: 7,
} as const;

export const commandFlag = {
  fua: 1 << 0,
  noHole: 1 << 1,
  df: 1 << 2,
  reqOne: 1 << 3,
  fastZero: 1 << 4,
} as const;

export const chunk = {
  none: 0,
  offsetData: 1,
  offsetHole: 2,
  blockStatus: 5,
  error: 0x8001,
  errorOffset: 0x8002,
} as const;

/** The only structured reply flag. */
export const chunkDone = 1;

/** Block status in `base:allocation`. */
export const state = { data: 0, hole: 1 << 0, zero: 1 << 1 } as const;

export const errno = {
  none: 0,
  EPERM: 1,
  EIO: 5,
  ENOMEM: 12,
  EINVAL: 22,
  ENOSPC: 28,
  EOVERFLOW: 75,
  ENOTSUP: 95,
} as const;

export type Errno = (typeof errno)[keyof typeof errno];

/** The metadata context that we know, and the number that replies carry for it. */
export const allocationContext = { name: 'base:allocation', id: 1 } as const;

export const requestBytes = 28;

export const limits = {
  /** What we read of an option's data; a name has at most 4096 bytes ("Conventions"). */
  optionData: 64 * KiB,
  /** The payload of a request or a reply; every server takes this much ("Size constraints"). */
  payload: 32 * MiB,
  /** What a connection may have in flight: the largest request, or many small ones. */
  inFlight: 32 * MiB,
  /** Buffers that the server keeps for the next reads, of all connections together. */
  pool: 32 * MiB,
  /** What the smallest request counts for: it bounds their number to 512. */
  request: 64 * KiB,
  /** Runs in an answer to a block status request, and what the request counts for. */
  statusRuns: 16 * KiB,
  statusRequest: 1 * MiB,
  /** Reads below this are answered with data only: looking for holes would cost more than sending zeros. */
  sparseRead: 64 * KiB,
  /** Runs that a sparse read looks at; what is past them is sent as data. */
  readRuns: 16,
  /** Zeros that are written where a hole is not wanted: so many bytes at a time. */
  zerosWritten: 1 * MiB,
} as const;
