/** What untrusted bytes do to the server: whatever they are and wherever they end, it drops the client and lives on. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { image, MemoryTarget } from './memory-target.ts';
import * as nbd from './raw-client.ts';
import { contexts, infos, RawClient, request, u32 } from './raw-client.ts';
import { type Serving, serve } from './serving.ts';
import { until } from './until.ts';

const serveDisk = () => serve(new MemoryTarget(image('r..rrr.')));

/** The server serves as before, and nothing is left of those who came. */
async function expectSound({ address, counters }: Serving): Promise<void> {
  await until(() => counters.connections === 0);
  expect(counters).toMatchObject({ inFlight: 0, bytesInFlight: 0 });
  const client = await RawClient.ready(address, { structured: true });
  expect(await client.error(nbd.READ, 0, 4096)).toBe(0);
  client.socket.destroy();
  await until(() => counters.connections === 0);
}

function optionBytes(option: number, data: Buffer = Buffer.alloc(0)): Buffer {
  return Buffer.concat([Buffer.from('IHAVEOPT'), u32(option), u32(data.length), data]);
}

/** Everything a client can say, right to the goodbye. */
const conversation = Buffer.concat([
  u32(3),
  optionBytes(3),
  optionBytes(99, Buffer.from('what')),
  optionBytes(8),
  optionBytes(9, contexts('disk')),
  optionBytes(10, contexts('', 'base:allocation')),
  optionBytes(6, infos('disk', 1, 3)),
  optionBytes(7, infos('', 3)),
  request(nbd.READ, 1n, 0, 4096),
  request(nbd.WRITE, 2n, 5000, 64),
  Buffer.alloc(64, 'payload '),
  request(nbd.BLOCK_STATUS, 3n, 0, 28_672),
  request(nbd.WRITE_ZEROES, 4n, 100, 100),
  request(nbd.TRIM, 5n, 100, 100),
  request(nbd.FLUSH, 6n, 0, 0),
  request(nbd.READ, 7n, 28_671, 2),
  request(nbd.DISC, 8n, 0, 0),
]);

/** All that the server says to what a client sends, until it hangs up. */
async function answerTo(server: Serving, ...pieces: readonly Uint8Array[]): Promise<Buffer> {
  const client = await RawClient.connect(server.address);
  for (const piece of pieces) client.socket.write(piece);
  client.socket.end();
  return client.gone();
}

it('a conversation in single bytes is one in a piece', async () => {
  const server = await serveDisk();
  const whole = await answerTo(server, conversation);
  const client = await RawClient.connect(server.address);
  for (const byte of conversation) {
    await new Promise((resolve) => client.socket.write(Uint8Array.of(byte), resolve));
  }
  const said = await client.gone();
  expect(said).toHaveLength(whole.length);
  expect(said.subarray(0, 200)).toEqual(whole.subarray(0, 200));
  expect(server.counters).toMatchObject({ requests: 14, errors: 2 });
  await expectSound(server);
});

it('a conversation may end at any byte, with the client listening or gone', async () => {
  const server = await serveDisk();
  const whole = await answerTo(server, conversation);
  for (let length = 0; length < conversation.length; length++) {
    const part = conversation.subarray(0, length);
    expect((await answerTo(server, part)).length).toBeLessThanOrEqual(whole.length);
    const leaving = await RawClient.connect(server.address);
    await new Promise((resolve) => leaving.socket.write(part, resolve));
    leaving.socket.destroy();
  }
  await expectSound(server);
});

it('any byte of a conversation may be another', async () => {
  const server = await serveDisk();
  for (let at = 0; at < conversation.length; at++) {
    for (const change of [0x01, 0x80, 0xff]) {
      const changed = Buffer.from(conversation);
      changed[at] = (changed[at] ?? 0) ^ change;
      await answerTo(server, changed);
    }
  }
  await expectSound(server);
});

it('random bytes may come at any stage', async () => {
  const server = await serveDisk();
  const stages = [0, 4, conversation.indexOf(request(nbd.READ, 1n, 0, 4096))];
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...stages), fc.uint8Array({ maxLength: 5000 }), async (stage, bytes) => {
      await answerTo(server, conversation.subarray(0, stage), bytes);
    }),
    { numRuns: 300 },
  );
  await expectSound(server);
});

it('random options and requests with the right magic may come at any time', async () => {
  const server = await serveDisk();
  const u32s = fc.oneof(fc.nat(12), fc.integer({ min: 0, max: 2 ** 32 - 1 }));
  const options = fc
    .tuple(u32s, fc.option(u32s, { nil: undefined }), fc.uint8Array({ maxLength: 200 }))
    .map(([type, length, data]) =>
      Buffer.concat([Buffer.from('IHAVEOPT'), u32(type), u32(length ?? data.length), data]),
    );
  const requests = fc
    .record({
      type: fc.oneof(fc.nat(8), fc.nat(65_535)),
      offset: fc.oneof(fc.bigInt(0n, 30_000n), fc.bigInt(0n, 2n ** 64n - 1n)),
      length: u32s,
      flags: fc.oneof(fc.constant(0), fc.nat(31), fc.nat(65_535)),
      payload: fc.uint8Array({ maxLength: 100 }),
    })
    .map(({ type, offset, length, flags, payload }) =>
      Buffer.concat([request(type, 1n, offset, type === nbd.WRITE ? payload.length : length, flags), payload]),
    );
  const greeting = conversation.subarray(0, 4);
  const handshake = conversation.subarray(0, conversation.indexOf(request(nbd.READ, 1n, 0, 4096)));
  await fc.assert(
    fc.asyncProperty(fc.array(options), fc.array(requests), async (someOptions, someRequests) => {
      await answerTo(server, greeting, ...someOptions);
      await answerTo(server, handshake, ...someRequests);
    }),
    { numRuns: 200 },
  );
  await expectSound(server);
});
