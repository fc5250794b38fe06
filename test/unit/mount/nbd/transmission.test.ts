/** Every command and every error of the transmission, to the byte. */
import { describe, expect, it } from 'vitest';
import { fail } from '../../../../src/errors.ts';
import { image, MemoryTarget } from './memory-target.ts';
import * as nbd from './raw-client.ts';
import { RawClient } from './raw-client.ts';
import { serve } from './serving.ts';

const EPERM = 1;
const EIO = 5;
const ENOMEM = 12;
const EINVAL = 22;
const ENOSPC = 28;
const EOVERFLOW = 75;
const ENOTSUP = 95;

const granule = 4096;
const MiB = 2 ** 20;

const writable = (shape = 'r..r', tail = 0) => new MemoryTarget(image(shape, tail));

async function clientOf(target: MemoryTarget, options: Parameters<typeof RawClient.ready>[1] = {}) {
  const { address } = await serve(target);
  return RawClient.ready(address, options);
}

describe('a read', () => {
  it.each([
    ['of everything', 0, 16284],
    ['of one byte', 4095, 1],
    ['across a border', 4000, 200],
    ['of the last byte', 16283, 1],
  ])('gives the bytes: %s', async (_, offset, length) => {
    const target = writable('r..r', 100);
    for (const structured of [false, true]) {
      const client = await clientOf(target, { structured });
      const [reply] = await client.request(nbd.READ, offset, length);
      expect(reply).toMatchObject({ kind: structured ? 'structured' : 'simple', error: 0, flags: 1 });
      const data = reply?.data.subarray(structured ? 8 : 0);
      expect(data).toEqual(target.bytes.subarray(offset, offset + length));
      if (structured) expect(reply?.data.readBigUInt64BE()).toBe(BigInt(offset));
    }
  });

  it('sends holes as such when it is large enough to look for them', async () => {
    const target = writable(`${'r'.repeat(8)}${'.'.repeat(24)}rr.`);
    const client = await clientOf(target, { structured: true });
    const replies = await client.request(nbd.READ, 100, 35 * granule - 100);
    expect(replies.map(({ type, flags }) => [type, flags])).toEqual([
      [1, 0],
      [2, 0],
      [1, 0],
      [2, 1],
    ]);
    expect(joined(replies, 100, 35 * granule - 100)).toEqual(target.bytes.subarray(100));
  });

  it('sends one piece when it must not be cut', async () => {
    const target = writable(`${'r'.repeat(8)}${'.'.repeat(24)}`);
    const client = await clientOf(target, { structured: true });
    const [reply, ...more] = await client.request(nbd.READ, 0, 32 * granule, nbd.DF);
    expect(more).toEqual([]);
    expect(reply).toMatchObject({ type: 1, flags: 1 });
    expect(reply?.data.subarray(8)).toEqual(target.bytes);
  });

  it('sends what has too many holes in few pieces', async () => {
    const target = writable('r.'.repeat(100));
    const client = await clientOf(target, { structured: true });
    const replies = await client.request(nbd.READ, 0, 200 * granule);
    expect(replies).toHaveLength(17);
    expect(joined(replies, 0, 200 * granule)).toEqual(target.bytes);
  });

  it('sends nothing but zeros as one hole', async () => {
    const client = await clientOf(writable('.'.repeat(64)), { structured: true });
    const replies = await client.request(nbd.READ, 0, 64 * granule);
    expect(replies).toMatchObject([{ type: 2, flags: 1, data: Buffer.from('000000000000000000040000', 'hex') }]);
  });

  it('may be as long as 32 MiB', async () => {
    const target = new MemoryTarget(Buffer.alloc(40 * MiB, 'x'));
    const simple = await clientOf(target);
    expect((await simple.request(nbd.READ, 5, 32 * MiB))[0]?.data).toHaveLength(32 * MiB);
    expect(await simple.error(nbd.READ, 0, 32 * MiB + 1)).toBe(EINVAL);
    expect(await simple.error(nbd.READ, 0, 2 ** 32 - 1)).toBe(EINVAL);
    const structured = await clientOf(target, { structured: true });
    expect((await structured.request(nbd.READ, 5, 32 * MiB))[0]?.data).toHaveLength(32 * MiB + 8);
    expect(await structured.error(nbd.READ, 0, 32 * MiB + 1)).toBe(EOVERFLOW);
  });

  it('fails where the disk does, and only there', async () => {
    const target = writable('r'.repeat(64));
    target.broken = { from: 100_000, to: 100_512 };
    const server = await serve(target);
    const client = await RawClient.ready(server.address, { structured: true });
    expect(await client.error(nbd.READ, 0, 100_000)).toBe(0);
    expect(await client.error(nbd.READ, 100_512, 100_000)).toBe(0);
    expect(await client.error(nbd.READ, 100_511, 1)).toBe(EIO);
    const [reply] = await client.request(nbd.READ, 99_999, 2);
    expect(reply).toMatchObject({ type: 0x8002, flags: 1, error: EIO });
    const text = 'the export cannot be read or written here';
    expect(reply?.data.toString('latin1', 6, 6 + text.length)).toBe(text);
    expect(reply?.data.readBigUInt64BE(6 + text.length)).toBe(99_999n);
    expect(reply?.data).toHaveLength(14 + text.length);
    expect(server.events.filter(({ event }) => event === 'error')).toEqual([
      { event: 'error', client: 'a local client', export: 'disk', offset: 100_511, length: 1, error: target.failure },
      { event: 'error', client: 'a local client', export: 'disk', offset: 99_999, length: 2, error: target.failure },
    ]);
    expect(server.counters).toMatchObject({ requests: 4, errors: 2, bytesRead: 200_000 });
  });

  it('says which piece of a sparse one failed', async () => {
    const target = writable(`rrrr${'.'.repeat(16)}rrrr`);
    target.broken = { from: 23 * granule, to: 24 * granule };
    const client = await clientOf(target, { structured: true });
    const replies = await client.request(nbd.READ, 0, 24 * granule);
    expect(replies).toMatchObject([{ type: 0x8002, error: EIO }]);
    expect(replies[0]?.data.subarray(-8).readBigUInt64BE()).toBe(BigInt(20 * granule));
  });

  it('has no data when it fails without structure', async () => {
    const target = writable();
    target.broken = { from: 0, to: 1 };
    const client = await clientOf(target);
    expect(await client.request(nbd.READ, 0, 512)).toMatchObject([{ kind: 'simple', error: EIO }]);
    expect(await client.error(nbd.READ, 1, 512)).toBe(0);
  });
});

describe('writing', () => {
  it('writes', async () => {
    const target = writable();
    const client = await clientOf(target);
    const bytes = Buffer.alloc(5000, 'written ');
    expect(await client.error(nbd.WRITE, 3000, 5000, 0, bytes)).toBe(0);
    expect(target.bytes.subarray(3000, 8000)).toEqual(bytes);
    expect(target.calls).toEqual(['write 3000 5000']);
  });

  it('takes 32 MiB at once, and more is too much', async () => {
    const target = new MemoryTarget(Buffer.alloc(40 * MiB));
    const server = await serve(target);
    const client = await RawClient.ready(server.address);
    const bytes = Buffer.alloc(32 * MiB, 'much ');
    expect(await client.error(nbd.WRITE, 8 * MiB, bytes.length, 0, bytes)).toBe(0);
    expect(target.bytes.subarray(8 * MiB).equals(bytes)).toBe(true);
    client.send(nbd.WRITE, 0, bytes.length + 1);
    expect(await client.gone()).toHaveLength(0);
    await server.stop();
    expect(server.events.at(-1)).toMatchObject({ reason: 'the payload of a write is too long' });
    expect(server.counters).toMatchObject({ inFlight: 0, bytesInFlight: 0 });
  });

  it.each([
    ['a write', nbd.WRITE, Buffer.alloc(512, 'x'), 'write 0 512'],
    ['a trim', nbd.TRIM, undefined, 'zero 0 512'],
    ['zeroes', nbd.WRITE_ZEROES, undefined, 'zero 0 512'],
  ])('makes durable what it was asked to: %s', async (_, command, payload, call) => {
    const target = writable();
    const client = await clientOf(target);
    expect(await client.error(command, 0, 512, nbd.FUA, payload)).toBe(0);
    expect(target.calls).toEqual([call, 'flush 0 0']);
  });

  it('flushes', async () => {
    const target = writable();
    const client = await clientOf(target);
    expect(await client.error(nbd.FLUSH, 0, 0)).toBe(0);
    expect(target.calls).toEqual(['flush 0 0']);
  });

  it('zeroes and trims any length at once', async () => {
    const target = new MemoryTarget(Buffer.alloc(100 * MiB, 'x'));
    const client = await clientOf(target);
    expect(await client.error(nbd.WRITE_ZEROES, 1, 50 * MiB, nbd.FAST_ZERO)).toBe(0);
    expect(await client.error(nbd.TRIM, 50 * MiB, 50 * MiB)).toBe(0);
    expect(target.calls).toEqual([`zero 1 ${50 * MiB}`, `zero ${50 * MiB} ${50 * MiB}`]);
    expect(target.bytes.subarray(0, 2)).toEqual(Buffer.from('x\0'));
  });

  it('writes zeros where no hole is wanted, and says that this is not fast', async () => {
    const target = new MemoryTarget(Buffer.alloc(3 * MiB, 'x'));
    const client = await clientOf(target);
    expect(await client.error(nbd.WRITE_ZEROES, 100, 2 * MiB + 5, nbd.NO_HOLE | nbd.FAST_ZERO)).toBe(ENOTSUP);
    expect(target.calls).toEqual([]);
    expect(await client.error(nbd.WRITE_ZEROES, 100, 2 * MiB + 5, nbd.NO_HOLE)).toBe(0);
    expect(target.calls).toEqual([`write 100 ${MiB}`, `write ${MiB + 100} ${MiB}`, `write ${2 * MiB + 100} 5`]);
    expect(target.bytes.subarray(100, 2 * MiB + 105).equals(Buffer.alloc(2 * MiB + 5))).toBe(true);
  });

  it.each([
    [fail('NO_SPACE', { what: 'x' }), ENOSPC],
    [fail('READ_ONLY', { what: 'x' }), EPERM],
    [fail('OUT_OF_MEMORY', { reason: 'x' }), ENOMEM],
    [fail('PACK_MISSING', { path: 'x', reason: 'x' }), EIO],
    [fail('USAGE', { problem: 'x' }), EIO],
    [new TypeError('a defect'), EIO],
  ])('tells %s as errno %i', async (failure, error) => {
    const target = writable();
    target.broken = { from: 0, to: 512 };
    target.failure = failure;
    const client = await clientOf(target);
    expect(await client.error(nbd.WRITE, 0, 512, 0, Buffer.alloc(512))).toBe(error);
    expect(await client.error(nbd.WRITE_ZEROES, 0, 512)).toBe(error);
    expect(await client.error(nbd.READ, 512, 512)).toBe(0);
  });
});

describe('block status', () => {
  const status = (...runs: number[]) => {
    const bytes = Buffer.alloc(4 + 4 * runs.length);
    for (const [at, value] of [1, ...runs].entries()) bytes.writeUInt32BE(value, 4 * at);
    return bytes;
  };

  it('tells data from holes', async () => {
    const client = await clientOf(writable('r..rr.', 10), { allocation: true });
    const [reply, ...more] = await client.request(nbd.BLOCK_STATUS, 0, 6 * granule - 10);
    expect(more).toEqual([]);
    expect(reply).toMatchObject({ type: 5, flags: 1 });
    expect(reply?.data).toEqual(status(granule, 0, 2 * granule, 3, 2 * granule, 0, granule - 10, 3));
  });

  it('tells one run when one is asked for', async () => {
    const client = await clientOf(writable('r..rr.'), { allocation: true });
    const [reply] = await client.request(nbd.BLOCK_STATUS, granule + 1, 4 * granule, nbd.REQ_ONE);
    expect(reply?.data).toEqual(status(2 * granule - 1, 3));
    const [short] = await client.request(nbd.BLOCK_STATUS, granule, 100, nbd.REQ_ONE);
    expect(short?.data).toEqual(status(100, 3));
  });

  it('tells a part when there is too much to tell', async () => {
    const target = writable('r.'.repeat(9000));
    const client = await clientOf(target, { allocation: true });
    const [reply] = await client.request(nbd.BLOCK_STATUS, 0, target.size);
    expect(reply?.data).toHaveLength(4 + 8 * 16_384);
  });

  it('is refused when it was not negotiated', async () => {
    expect(await (await clientOf(writable(), { structured: true })).error(nbd.BLOCK_STATUS, 0, 512)).toBe(EINVAL);
  });
});

describe('what is refused', () => {
  const size = 4 * granule;

  it.each([
    ['a read past the end', nbd.READ, size - 1, 2, 0, EINVAL],
    ['a read at the end', nbd.READ, size, 1, 0, EINVAL],
    ['a read far past the end', nbd.READ, 2n ** 64n - 1n, 1, 0, EINVAL],
    ['a read of nothing', nbd.READ, 0, 0, 0, EINVAL],
    ['a write past the end', nbd.WRITE, size - 1, 2, 0, ENOSPC],
    ['a write far past the end', nbd.WRITE, 2n ** 63n, 2, 0, ENOSPC],
    ['a write of nothing', nbd.WRITE, 0, 0, 0, EINVAL],
    ['zeroes past the end', nbd.WRITE_ZEROES, 0, 2 ** 32 - 1, 0, ENOSPC],
    ['a trim past the end', nbd.TRIM, 0, size + 1, 0, EINVAL],
    ['block status past the end', nbd.BLOCK_STATUS, 0, size + 1, 0, EINVAL],
    ['block status of nothing', nbd.BLOCK_STATUS, 0, 0, 0, EINVAL],
    ['a flush of something', nbd.FLUSH, 0, 512, 0, EINVAL],
    ['a flush somewhere', nbd.FLUSH, 512, 0, 0, EINVAL],
    ['a flag that nobody knows', nbd.READ, 0, 512, 1 << 9, EINVAL],
    ['a flag of another command', nbd.READ, 0, 512, nbd.NO_HOLE, EINVAL],
    ['a write with a flag of another', nbd.WRITE, 0, 2, nbd.REQ_ONE, EINVAL],
    ['a cache request', nbd.CACHE, 0, 512, 0, EINVAL],
    ['a command that nobody knows', 77, 0, 512, 0, EINVAL],
  ])('%s', async (_, command, offset, length, flags, error) => {
    const payload = command === nbd.WRITE ? Buffer.alloc(length) : undefined;
    for (const structured of [false, true]) {
      const target = writable();
      const client = await clientOf(target, { structured, allocation: structured });
      const [reply, ...more] = await client.request(command, offset, length, flags, payload);
      expect(reply).toMatchObject({ kind: structured ? 'structured' : 'simple', error, flags: 1 });
      expect(more).toEqual([]);
      expect(target.calls).toEqual([]);
      expect(await client.error(nbd.READ, 0, 512)).toBe(0);
    }
  });

  it.each([
    ['a write', nbd.WRITE, EPERM],
    ['a trim', nbd.TRIM, EPERM],
    ['zeroes', nbd.WRITE_ZEROES, EPERM],
    ['a flush', nbd.FLUSH, EINVAL],
  ])('%s of a read-only export', async (_, command, error) => {
    const target = new MemoryTarget(image('r'), { readOnly: true });
    const client = await clientOf(target);
    const payload = command === nbd.WRITE ? Buffer.alloc(512) : undefined;
    expect(await client.error(command, 0, command === nbd.FLUSH ? 0 : 512, 0, payload)).toBe(error);
    expect(await client.error(nbd.READ, 0, 512, nbd.FUA)).toBe(EINVAL);
    expect(await client.error(nbd.READ, 0, 512)).toBe(0);
    expect(target.calls).toEqual(['read 0 512']);
  });

  it('a cut-free read without structured replies', async () => {
    expect(await (await clientOf(writable())).error(nbd.READ, 0, 512, nbd.DF)).toBe(EINVAL);
  });

  it('a wrong magic, at once', async () => {
    const server = await serve(writable());
    const client = await RawClient.ready(server.address);
    client.socket.write(Buffer.alloc(28, 0x25));
    expect(await client.gone()).toHaveLength(0);
    await server.stop();
    expect(server.events.at(-1)).toMatchObject({ event: 'disconnected', reason: 'wrong request magic' });
  });
});

describe('many requests at once', () => {
  it('are answered as they end', async () => {
    const target = writable();
    const turns = [20, 0, 10];
    target.turns = () => turns.shift() ?? 0;
    const client = await clientOf(target);
    client.socket.cork();
    const cookies = [0, 1, 2].map((at) => client.send(nbd.READ, at, 1));
    client.socket.uncork();
    const order: bigint[] = [];
    for (const _ of cookies) order.push((await client.takeReply()).cookie);
    expect(order).toEqual([cookies[1], cookies[2], cookies[0]]);
  });

  it('are all answered before a goodbye takes effect', async () => {
    const target = writable();
    target.turns = () => 5;
    const client = await clientOf(target);
    for (let at = 0; at < 10; at++) client.send(nbd.READ, at, 100);
    client.send(nbd.DISC, 0, 0);
    expect(await client.gone()).toHaveLength(10 * 116);
  });

  it('are all answered when the client just stops talking', async () => {
    const target = writable();
    target.turns = () => 5;
    const client = await clientOf(target);
    for (let at = 0; at < 10; at++) client.send(nbd.READ, at, 100);
    client.socket.end();
    expect(await client.gone()).toHaveLength(10 * 116);
  });
});

/** What the chunks of a read say, put together. */
function joined(replies: readonly nbd.Reply[], offset: number, length: number): Buffer {
  const bytes = Buffer.alloc(length, '?');
  for (const { type, data } of replies) {
    const at = Number(data.readBigUInt64BE()) - offset;
    if (type === 1) data.copy(bytes, at, 8);
    if (type === 2) bytes.fill(0, at, at + data.readUInt32BE(8));
  }
  return bytes;
}
