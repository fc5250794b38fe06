/** Encodes what the server says during the handshake ("Option reply types"). */
import type { Message } from './channel.ts';
import { allocationContext, handshakeFlag, info, limits, magic } from './constants.ts';
import { type Export, transmissionFlags } from './export.ts';

/** The first words of the server. */
export function greeting(): Message {
  const bytes = Buffer.alloc(18);
  bytes.writeBigUInt64BE(magic.server, 0);
  bytes.writeBigUInt64BE(magic.option, 8);
  bytes.writeUInt16BE(handshakeFlag.fixedNewstyle | handshakeFlag.noZeroes, 16);
  return [bytes];
}

/** One reply; the text of an error reply is for humans. */
export function optionMessage(option: number, type: number, data: Buffer | string = ''): Message {
  const header = Buffer.alloc(20);
  header.writeBigUInt64BE(magic.optionReply, 0);
  header.writeUInt32BE(option, 8);
  header.writeUInt32BE(type, 12);
  header.writeUInt32BE(Buffer.byteLength(data), 16);
  return [header, Buffer.from(data)];
}

/** Size and transmission flags: the answer to NBD_OPT_EXPORT_NAME, and the heart of NBD_INFO_EXPORT. */
export function exportData(exported: Export, structured: boolean): Buffer {
  const bytes = Buffer.alloc(10);
  bytes.writeBigUInt64BE(BigInt(exported.target.size), 0);
  bytes.writeUInt16BE(transmissionFlags(exported, structured), 8);
  return bytes;
}

/** The data of NBD_REP_SERVER. */
export function serverData({ name, description }: Export): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(Buffer.byteLength(name));
  return Buffer.concat([length, Buffer.from(name), Buffer.from(description)]);
}

/** The data of each NBD_REP_INFO: what must be said, and what was asked for. */
export function infoData(exported: Export, structured: boolean, wanted: ReadonlySet<number>): Buffer[] {
  const data = [infoItem(info.export, exportData(exported, structured))];
  if (wanted.has(info.name)) data.push(infoItem(info.name, exported.name));
  if (wanted.has(info.description)) data.push(infoItem(info.description, exported.description));
  if (wanted.has(info.blockSize)) {
    const sizes = Buffer.alloc(12);
    sizes.writeUInt32BE(1, 0);
    sizes.writeUInt32BE(exported.preferredBlock, 4);
    sizes.writeUInt32BE(limits.payload, 8);
    data.push(infoItem(info.blockSize, sizes));
  }
  return data;
}

/** The data of NBD_REP_META_CONTEXT. */
export function contextData(id: number): Buffer {
  return Buffer.concat([Buffer.from([0, 0, 0, id]), Buffer.from(allocationContext.name)]);
}

function infoItem(type: number, data: Buffer | string): Buffer {
  return Buffer.concat([Buffer.from([0, type]), Buffer.from(data)]);
}
