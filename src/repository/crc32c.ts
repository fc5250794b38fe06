/**
 * CRC-32C (Castagnoli), of VHDX and of file systems; Node has only the CRC-32 of zlib, whose polynomial is another. Eight
 * bytes are taken at once ("slicing by 8"), seven times as fast as one by one.
 */

const reversedPolynomial = 0x82f63b78;

/** Of each byte what it comes to when n more bytes follow it, for n from 0 to 7. */
const [t0, t1, t2, t3, t4, t5, t6, t7] = makeTables();

/** The checksum of bytes that follow on others with the checksum `before`, as zlib's `crc32` takes it. */
export function crc32c(bytes: Uint8Array, before = 0): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const whole = bytes.length - (bytes.length % 8);
  let crc = ~before;
  for (let at = 0; at < whole; at += 8) {
    const [low, high] = [crc ^ view.getUint32(at, true), view.getUint32(at + 4, true)];
    crc =
      entry(t7, low) ^
      entry(t6, low >>> 8) ^
      entry(t5, low >>> 16) ^
      entry(t4, low >>> 24) ^
      entry(t3, high) ^
      entry(t2, high >>> 8) ^
      entry(t1, high >>> 16) ^
      entry(t0, high >>> 24);
  }
  for (let at = whole; at < bytes.length; at++) crc = (crc >>> 8) ^ entry(t0, crc ^ (bytes[at] as number));
  return ~crc >>> 0;
}

function entry(table: Uint32Array, byte: number): number {
  return table[byte & 0xff] as number;
}

type Table = Uint32Array;
type Tables = [Table, Table, Table, Table, Table, Table, Table, Table];

function makeTables(): Tables {
  const first = Uint32Array.from({ length: 256 }, (_, byte) => {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ ((crc & 1) * reversedPolynomial);
    return crc;
  });
  const tables = [first];
  for (let n = 1; n < 8; n++) tables.push((tables[n - 1] as Uint32Array).map((crc) => (crc >>> 8) ^ entry(first, crc)));
  return tables as Tables;
}
