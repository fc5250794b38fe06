import { expect, it } from 'vitest';
import { SpareBuffers } from '../../../../src/repository/stores/spare-buffers.ts';

const mib = 1024 ** 2;

it('gives memory again that was given back, to whoever fits in, and keeps no more than so many', () => {
  const buffers = new SpareBuffers(2);
  const [first, second, third] = [buffers.take(33 * mib), buffers.take(5 * mib), buffers.take(mib)];
  expect([first, second, third].map(({ length }) => length / mib)).toEqual([33, 5, 1]);
  expect(new Set([first, second, third].map(({ buffer }) => buffer)).size).toBe(3);
  for (const buffer of [first, second, third]) buffers.give(buffer);
  expect(buffers.take(35 * mib).buffer).toBe(first.buffer);
  expect(buffers.take(36 * mib).buffer).not.toBe(second.buffer);
  expect(buffers.take(0).buffer).toBe(second.buffer);
  expect(buffers.take(mib).buffer).not.toBe(third.buffer);
});
