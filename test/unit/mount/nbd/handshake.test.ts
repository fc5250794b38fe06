/** The handshake as a client meets it that says whatever it likes. */
import { describe, expect, it } from 'vitest';
import { image, MemoryTarget } from './memory-target.ts';
import { BLOCK_STATUS, contexts, infos, RawClient, READ, u32 } from './raw-client.ts';
import { serve } from './serving.ts';

const ACK = 1;
const INFO = 3;
const ERR_UNSUP = 2 ** 31 + 1;
const ERR_POLICY = 2 ** 31 + 2;
const ERR_INVALID = 2 ** 31 + 3;
const ERR_UNKNOWN = 2 ** 31 + 6;
const ERR_TOO_BIG = 2 ** 31 + 9;

const readOnlyFlags = 0b1_0000_0011;
const writableFlags = 0b1001_0110_1101;
const sendDf = 0b1000_0000;

const disk = (readOnly = true) => new MemoryTarget(image('r..r', 100), { readOnly });

const hex = (digits: string) => Buffer.from(digits.replaceAll(' ', ''), 'hex');

describe('the first words', () => {
  it('are those of fixed newstyle without zeroes', async () => {
    const { address } = await serve(disk());
    const client = await RawClient.connect(address);
    expect(await client.take(18)).toEqual(hex('4e42444d41474943 49484156454f5054 0003'));
  });

  it.each([4, 0x8000_0000])('with unknown client flags %i end the connection', async (flags) => {
    const server = await serve(disk());
    const client = await RawClient.greeted(server.address, flags);
    expect(await client.gone()).toHaveLength(0);
    await server.stop();
    expect(server.events.at(-1)).toMatchObject({ event: 'disconnected', reason: 'unknown client flags' });
  });
});

describe('NBD_OPT_EXPORT_NAME', () => {
  it.each([
    ['the name', 'disk', 3, 0],
    ['no name', '', 3, 0],
    ['zeroes wanted', 'disk', 1, 124],
    ['not even fixed newstyle', 'disk', 0, 124],
  ])('gives size and flags: %s', async (_, name, flags, zeroes) => {
    const { address } = await serve(disk());
    const client = await RawClient.greeted(address, flags);
    client.sendOption(1, Buffer.from(name));
    const answer = await client.take(10 + zeroes);
    expect(answer.readBigUInt64BE(0)).toBe(16284n);
    expect(answer.readUInt16BE(8)).toBe(readOnlyFlags);
    expect(answer.subarray(10)).toEqual(Buffer.alloc(zeroes));
    expect(await client.error(READ, 0, 512)).toBe(0);
  });

  it.each([
    ['another name', Buffer.from('disc'), 4],
    ['a name that is too long', Buffer.alloc(0), 70_000],
  ])('ends the connection for %s', async (_, data, length) => {
    const { address } = await serve(disk());
    const client = await RawClient.greeted(address);
    client.sendOption(1, data, length);
    expect(await client.gone()).toHaveLength(0);
  });
});

describe.each([
  ['NBD_OPT_INFO', 6],
  ['NBD_OPT_GO', 7],
])('%s', (_, option) => {
  it('tells what was asked for, and the export itself anyhow', async () => {
    const { address } = await serve(disk(), { description: 'web1, sda' });
    const client = await RawClient.greeted(address);
    const replies = await client.ask(option, infos('', 1, 2, 3, 99));
    expect(replies.map(({ type }) => type)).toEqual([INFO, INFO, INFO, INFO, ACK]);
    expect(replies.map(({ data }) => data)).toEqual([
      hex('0000 0000000000003f9c 0103'),
      Buffer.from('\0\x01disk'),
      Buffer.from('\0\x02web1, sda'),
      hex('0003 00000001 00040000 02000000'),
      hex(''),
    ]);
  });

  it.each([
    ['read-only', true, false, readOnlyFlags],
    ['read-only, structured', true, true, readOnlyFlags | sendDf],
    ['writable', false, false, writableFlags],
    ['writable, structured', false, true, writableFlags | sendDf],
  ])('gives the flags of an export: %s', async (_, readOnly, structured, flags) => {
    const { address } = await serve(disk(readOnly));
    const client = await RawClient.greeted(address);
    if (structured) await client.ask(8);
    const [info] = await client.ask(option, infos('disk'));
    expect(info?.data.readUInt16BE(10)).toBe(flags);
  });

  it.each([
    ['another name', infos('disk '), ERR_UNKNOWN],
    ['a name of bytes that are no text', Buffer.concat([u32(4), hex('ff64ff00 0000')]), ERR_UNKNOWN],
    ['nothing', hex(''), ERR_INVALID],
    ['a name past the end', hex('00000005 6469736b 0000'), ERR_INVALID],
    ['a name of 4 GiB', hex('ffffffff 6469736b 0000'), ERR_INVALID],
    ['fewer wishes than announced', hex('00000000 0002 0003'), ERR_INVALID],
    ['more wishes than announced', hex('00000000 0000 0003'), ERR_INVALID],
    ['more than anybody needs', Buffer.alloc(65537), ERR_TOO_BIG],
  ])('refuses %s, and goes on', async (_, data, error) => {
    const { address } = await serve(disk());
    const client = await RawClient.greeted(address);
    expect((await client.ask(option, data)).map(({ type }) => type)).toEqual([error]);
    expect((await client.ask(option, infos('disk'))).map(({ type }) => type)).toEqual([INFO, ACK]);
  });
});

describe('the other options', () => {
  it('list the export', async () => {
    const { address } = await serve(disk(), { description: 'of web1' });
    const client = await RawClient.greeted(address);
    expect(await client.ask(3)).toEqual([
      { option: 3, type: 2, data: Buffer.from('\0\0\0\x04diskof web1') },
      { option: 3, type: ACK, data: hex('') },
    ]);
  });

  it.each([
    ['a list with data', 3, Buffer.from('x'), ERR_INVALID],
    ['structured replies with data', 8, Buffer.from('x'), ERR_INVALID],
    ['TLS where there is none', 5, hex(''), ERR_POLICY],
    ['TLS with data', 5, Buffer.from('x'), ERR_INVALID],
    ['an option of tomorrow', 11, hex(''), ERR_UNSUP],
    ['an option of tomorrow with data', 12345, Buffer.alloc(1_000_000), ERR_UNSUP],
    ['contexts without structured replies', 10, contexts('', 'base:allocation'), ERR_INVALID],
    ['a list of contexts without structured replies', 9, contexts(''), ERR_INVALID],
  ])('refuse %s, and go on', async (_, option, data, error) => {
    const { address } = await serve(disk());
    const client = await RawClient.greeted(address);
    expect((await client.ask(option, data)).map(({ type }) => type)).toEqual([error]);
    expect((await client.ask(7, infos(''))).at(-1)?.type).toBe(ACK);
    expect(await client.error(READ, 0, 1)).toBe(0);
  });

  it('say goodbye', async () => {
    const server = await serve(disk());
    const client = await RawClient.greeted(server.address);
    expect(await client.ask(2, Buffer.from('whatever'))).toEqual([{ option: 2, type: ACK, data: hex('') }]);
    expect(await client.gone()).toHaveLength(0);
    await server.stop();
    expect(server.events.at(-1)).toEqual({ event: 'disconnected', client: 'a local client', reason: null });
  });

  it.each([
    ['wrong magic', Buffer.concat([Buffer.from('IHAVEOPS'), u32(3), u32(0)])],
    ['data of 4 GiB', Buffer.concat([Buffer.from('IHAVEOPT'), u32(99), hex('ffffffff')])],
  ])('end the connection: %s', async (_, bytes) => {
    const { address } = await serve(disk());
    const client = await RawClient.greeted(address);
    client.socket.write(bytes);
    expect(await client.gone()).toHaveLength(0);
  });
});

describe('metadata contexts', () => {
  const allocation = Buffer.from('base:allocation');

  it.each([
    ['all', [], 1],
    ['by wildcard', ['base:'], 1],
    ['by name, twice', ['base:allocation', 'base:allocation'], 1],
    ['none of a namespace that nobody knows', ['x-y:', 'qemu:dirty-bitmap:a'], 0],
    ['none of a name that nobody knows', ['base:dirty', 'base', ''], 0],
  ])('are listed: %s', async (_, queries, count) => {
    const { address } = await serve(disk());
    const client = await RawClient.greeted(address);
    await client.ask(8);
    const replies = await client.ask(9, contexts('disk', ...queries));
    expect(replies.map(({ type }) => type)).toEqual([...Array(count).fill(4), ACK]);
    if (count === 1) expect(replies[0]?.data).toEqual(Buffer.concat([u32(0), allocation]));
  });

  it.each([
    ['by name', 'disk', ['x:y', 'base:allocation'], 'disk', true],
    ['not by wildcard', '', ['base:'], '', false],
    ['not by nothing', '', [], '', false],
    ['not for another export', '', ['base:allocation'], 'disk', false],
  ])('are selected: %s', async (_, selected, queries, used, can) => {
    const { address } = await serve(disk());
    const client = await RawClient.greeted(address);
    await client.ask(8);
    await client.ask(10, contexts(selected, ...queries));
    await client.ask(7, infos(used));
    expect((await client.error(BLOCK_STATUS, 0, 4096)) === 0).toBe(can);
  });

  it.each([
    ['an empty selection', contexts(''), ACK],
    ['one that fails', contexts('nothing', 'base:allocation'), ERR_UNKNOWN],
    ['one that is cut', contexts('', 'base:allocation').subarray(0, -1), ERR_INVALID],
    ['one with more queries than it has room for', Buffer.concat([u32(0), hex('ffffffff')]), ERR_INVALID],
  ])('are not selected any more after %s', async (_, data, answer) => {
    const { address } = await serve(disk());
    const client = await RawClient.greeted(address);
    await client.ask(8);
    expect((await client.ask(10, contexts('', 'base:allocation'))).map(({ type }) => type)).toEqual([4, ACK]);
    expect((await client.ask(10, data)).map(({ type }) => type)).toEqual([answer]);
    await client.ask(7, infos(''));
    expect(await client.error(BLOCK_STATUS, 0, 4096)).toBe(22);
  });
});
