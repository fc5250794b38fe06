/** Bytes that look random and are the same for the same seed. */
import { createCipheriv } from 'node:crypto';

export function makeBytes(length: number, seed: number): Buffer {
  const key = Buffer.alloc(16);
  key.writeUInt32LE(seed);
  return createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(length));
}
