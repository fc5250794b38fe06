/**
 * GUIDs that are made from the id of a restore point, so that the same point gives the same image every time. Each
 * purpose has its own. They are UUIDs of version 8, which RFC 9562 gives to hashes other than MD5 and SHA-1.
 */
import { createHash } from 'node:crypto';

/** Lower-case text with hyphens, without braces. */
export type Guid = string;

export const zeroGuid: Guid = '00000000-0000-0000-0000-000000000000';

/** The GUID for `purpose` of a restore point. */
export function makeGuid(pointId: string, purpose: string): Guid {
  const bytes = createHash('sha256').update(`strata guid 1 ${purpose} ${pointId}`).digest();
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString('hex', 0, 16);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** The 16 bytes in the order of the text (RFC 9562). */
export function uuidBytes(guid: Guid): Buffer {
  return Buffer.from(guid.replaceAll('-', ''), 'hex');
}

/** The 16 bytes as Windows stores them ([MS-DTYP] 2.3.4.2): the first three groups little-endian. */
export function guidBytes(guid: Guid): Buffer {
  const bytes = uuidBytes(guid);
  bytes.subarray(0, 4).reverse();
  bytes.subarray(4, 6).reverse();
  bytes.subarray(6, 8).reverse();
  return bytes;
}
