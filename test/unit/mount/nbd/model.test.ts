/** Random requests, many of them at once and answered in any order, against a disk and a plain copy of it. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { image, MemoryTarget } from './memory-target.ts';
import * as nbd from './raw-client.ts';
import { RawClient, type Reply } from './raw-client.ts';
import { serve } from './serving.ts';
import { until } from './until.ts';

const EIO = 5;
const EINVAL = 22;
const ENOSPC = 28;

/** Requests within one slot go one after the other, so that what they do has an order; the slots go at once. */
const slots = 4;
/** Large enough for sparse reads, and its border is no granule's. */
const slotSize = 40 * 4096 - 37;
const start = image(`rrr......${'r'.repeat(30)}${'.'.repeat(90)}${'r.'.repeat(15)}`.padEnd(160, 'r'), 4 * 37);
/** Where data is, and stays: what is known to be zeros is not read. */
const broken = { from: 10_000, to: 10_512 };

const action = fc.record({
  slot: fc.nat(slots - 1),
  command: fc.constantFrom(nbd.READ, nbd.READ, nbd.WRITE, nbd.WRITE_ZEROES, nbd.TRIM, nbd.BLOCK_STATUS, nbd.FLUSH),
  from: fc.oneof(fc.nat(slotSize - 1), fc.nat(30_000)),
  length: fc.oneof(fc.integer({ min: 1, max: slotSize }), fc.integer({ min: 1, max: 600 })),
  flags: fc.constantFrom(0, 0, 0, nbd.FUA, nbd.NO_HOLE, nbd.DF, nbd.REQ_ONE),
  fill: fc.nat(255),
  past: fc.nat(20).map((one) => one === 0),
});

type Action = typeof action extends fc.Arbitrary<infer Value> ? Value : never;
type Request = ReturnType<typeof requestOf>;

function requestOf({ slot, command, from, length, flags, fill, past }: Action) {
  if (command === nbd.FLUSH) return { command, offset: 0, length: 0, flags, payload: undefined };
  const offset = past ? start.length - length + 1 : slot * slotSize + from;
  const within = past ? length : Math.min(length, slotSize - from);
  const payload = command === nbd.WRITE ? Buffer.alloc(within, fill) : undefined;
  return { command, offset, length: within, flags, payload };
}

const ownFlags: Readonly<Record<number, number>> = {
  [nbd.READ]: nbd.DF,
  [nbd.WRITE_ZEROES]: nbd.NO_HOLE,
  [nbd.BLOCK_STATUS]: nbd.REQ_ONE,
};

/** What the protocol's document lets us expect. */
function errorOf({ command, offset, length, flags }: Request, structured: boolean): number {
  if (!structured && (command === nbd.BLOCK_STATUS || (flags & nbd.DF) !== 0)) return EINVAL;
  if ((flags & ~(nbd.FUA | (ownFlags[command] ?? 0))) !== 0) return EINVAL;
  if (offset + length > start.length) return command === nbd.WRITE || command === nbd.WRITE_ZEROES ? ENOSPC : EINVAL;
  const touches = offset < broken.to && offset + length > broken.from;
  return touches && command !== nbd.BLOCK_STATUS ? EIO : 0;
}

/** Sends requests at any time, and hands each its replies as they come. */
class Pipeline {
  readonly #client: RawClient;
  readonly #replies = new Map<bigint, { readonly got: Reply[]; readonly end: (replies: Reply[]) => void }>();

  constructor(client: RawClient) {
    this.#client = client;
  }

  ask({ command, offset, length, flags, payload }: Request): Promise<Reply[]> {
    return new Promise((end) => {
      this.#replies.set(this.#client.send(command, offset, length, flags, payload), { got: [], end });
    });
  }

  async deliver(count: number): Promise<void> {
    for (let left = count; left > 0; ) {
      const reply = await this.#client.takeReply();
      const waiting = this.#replies.get(reply.cookie);
      waiting?.got.push(reply);
      if ((reply.flags & 1) !== 0) {
        this.#replies.delete(reply.cookie);
        waiting?.end(waiting.got);
        left -= 1;
      }
    }
  }
}

function check(request: Request, replies: readonly Reply[], disk: Buffer, structured: boolean): void {
  const { command, offset, length, flags, payload } = request;
  const error = errorOf(request, structured);
  expect(replies.map((reply) => reply.error).filter((found) => found !== 0)).toEqual(error === 0 ? [] : [error]);
  if (error !== 0) return;
  const range = disk.subarray(offset, offset + length);
  if (command === nbd.READ) expect(bytesOf(replies, offset, length).equals(range)).toBe(true);
  if (command === nbd.READ && (flags & nbd.DF) !== 0) expect(replies).toHaveLength(1);
  if (command === nbd.WRITE) payload?.copy(range);
  if (command === nbd.WRITE_ZEROES || command === nbd.TRIM) range.fill(0);
  if (command === nbd.BLOCK_STATUS) checkStatus(replies, range, flags);
}

function bytesOf(replies: readonly Reply[], offset: number, length: number): Buffer {
  const bytes = Buffer.alloc(length, '?');
  for (const { kind, type, data } of replies) {
    if (kind === 'simple') return data;
    const at = Number(data.readBigUInt64BE()) - offset;
    if (type === 1) data.copy(bytes, at, 8);
    else bytes.fill(0, at, at + data.readUInt32BE(8));
  }
  return bytes;
}

/** What is told as zeros is zeros; the whole range is told, or one run of it. */
function checkStatus(replies: readonly Reply[], range: Buffer, flags: number): void {
  const data = replies[0]?.data ?? Buffer.alloc(0);
  let at = 0;
  for (let field = 4; field < data.length; field += 8) {
    const length = data.readUInt32BE(field);
    if (data.readUInt32BE(field + 4) === 3)
      expect(range.subarray(at, at + length).every((byte) => byte === 0)).toBe(true);
    at += length;
  }
  if ((flags & nbd.REQ_ONE) === 0) expect(at).toBe(range.length);
  else expect(data).toHaveLength(12);
}

it.each([
  ['simple', false],
  ['structured', true],
])('%s replies tell the truth, and exactly what touches the broken range fails', async (_, structured) => {
  const target = new MemoryTarget(Buffer.from(start));
  target.broken = broken;
  const { address, counters } = await serve(target);
  await fc.assert(
    fc.asyncProperty(
      fc.array(action, { maxLength: 60 }),
      fc.array(fc.nat(8), { minLength: 1 }),
      async (actions, turns) => {
        start.copy(target.bytes);
        const disk = Buffer.from(start);
        let call = 0;
        target.turns = () => turns[call++ % turns.length] ?? 0;
        const client = await RawClient.ready(address, { structured, allocation: structured });
        const pipeline = new Pipeline(client);
        const inSlot = async (slot: number) => {
          for (const one of actions.filter((other) => other.slot === slot)) {
            const request = requestOf(one);
            check(request, await pipeline.ask(request), disk, structured);
          }
        };
        const requests = Promise.all(Array.from({ length: slots }, (_, slot) => inSlot(slot)));
        await Promise.all([requests, pipeline.deliver(actions.length)]).finally(() => client.socket.destroy());
        expect(target.bytes.equals(disk)).toBe(true);
      },
    ),
    { numRuns: 60 },
  );
  await until(() => counters.connections === 0);
  expect(counters).toMatchObject({ inFlight: 0, bytesInFlight: 0 });
});
