/** CRC-32C (Castagnoli), of VHDX and of file systems; Node has only the CRC-32 of zlib, whose polynomial is another. */

const reversedPolynomial = 0x82f63b78;

const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ ((crc & 1) * reversedPolynomial);
  return crc;
});

/** The checksum of bytes that follow on others with the checksum `before`, as zlib's `crc32` takes it. */
export function crc32c(bytes: Uint8Array, before = 0): number {
  let crc = ~before;
  for (const byte of bytes) crc = (crc >>> 8) ^ (table[(crc ^ byte) & 0xff] as number);
  return ~crc >>> 0;
}
