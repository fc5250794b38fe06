import { createCipheriv } from 'node:crypto';

/** A source of bytes that look random and are the same for the same seed. */
export function randomBytesFrom(seed: number): (length: number) => Buffer {
  const key = Buffer.alloc(16);
  key.writeUInt32LE(seed);
  const cipher = createCipheriv('aes-128-ctr', key, Buffer.alloc(16));
  return (length) => cipher.update(Buffer.alloc(length));
}
