/** Encodes replies to requests ("Simple reply message", "Structured reply chunk message"). Payloads are not copied. */
import type { Run } from './block-target.ts';
import type { Message } from './channel.ts';
import { allocationContext, chunk, chunkDone, type Errno, magic, state } from './constants.ts';

const chunkHeader = 20;

/** A reply without structure; only one to a read that did well has bytes. */
export function simpleReply(cookie: bigint, error: Errno, bytes?: Buffer): Message {
  const header = Buffer.allocUnsafe(16);
  header.writeUInt32BE(magic.simpleReply, 0);
  header.writeUInt32BE(error, 4);
  header.writeBigUInt64BE(cookie, 8);
  return bytes === undefined ? [header] : [header, bytes];
}

export function dataChunk(cookie: bigint, last: boolean, offset: number, bytes: Buffer): Message {
  const header = chunkOf(cookie, last, chunk.offsetData, 8, bytes.length);
  writeOffset(header, offset, chunkHeader);
  return [header, bytes];
}

export function holeChunk(cookie: bigint, last: boolean, offset: number, length: number): Message {
  const bytes = chunkOf(cookie, last, chunk.offsetHole, 12);
  writeOffset(bytes, offset, chunkHeader);
  bytes.writeUInt32BE(length, chunkHeader + 8);
  return [bytes];
}

/** An error; with the offset where it happened when the request was one for a range that exists. */
export function errorChunk(cookie: bigint, last: boolean, error: Errno, text: string, offset?: number): Message {
  const message = Buffer.from(text);
  const type = offset === undefined ? chunk.error : chunk.errorOffset;
  const bytes = chunkOf(cookie, last, type, 6 + message.length + (offset === undefined ? 0 : 8));
  bytes.writeUInt32BE(error, chunkHeader);
  bytes.writeUInt16BE(message.length, chunkHeader + 4);
  message.copy(bytes, chunkHeader + 6);
  if (offset !== undefined) writeOffset(bytes, offset, chunkHeader + 6 + message.length);
  return [bytes];
}

/** The whole answer to a block status request. */
export function statusChunk(cookie: bigint, runs: readonly Run[]): Message {
  const bytes = chunkOf(cookie, true, chunk.blockStatus, 4 + 8 * runs.length);
  let at = bytes.writeUInt32BE(allocationContext.id, chunkHeader);
  for (const { length, kind } of runs) {
    at = bytes.writeUInt32BE(length, at);
    at = bytes.writeUInt32BE(kind === 'zeros' ? state.hole | state.zero : state.data, at);
  }
  return [bytes];
}

/** A chunk with its header written: `fixed` bytes to fill, and `bytes` more that are sent after it. */
function chunkOf(cookie: bigint, last: boolean, type: number, fixed: number, bytes = 0): Buffer {
  const buffer = Buffer.allocUnsafe(chunkHeader + fixed);
  buffer.writeUInt32BE(magic.structuredReply, 0);
  buffer.writeUInt16BE(last ? chunkDone : 0, 4);
  buffer.writeUInt16BE(type, 6);
  buffer.writeBigUInt64BE(cookie, 8);
  buffer.writeUInt32BE(fixed + bytes, 16);
  return buffer;
}

function writeOffset(buffer: Buffer, offset: number, at: number): void {
  buffer.writeBigUInt64BE(BigInt(offset), at);
}
