import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { serveNbd } from '../../../../src/mount/nbd/server.ts';
import { image, MemoryTarget } from './memory-target.ts';
import * as nbd from './raw-client.ts';
import { RawClient } from './raw-client.ts';
import { serve } from './serving.ts';
import { settle, until } from './until.ts';

const MiB = 2 ** 20;
const idle = { connections: 0, inFlight: 0, bytesInFlight: 0 };

/** A disk that ends nothing until it is told to. */
class HeldTarget extends MemoryTarget {
  held: (() => void)[] = [];
  /** The most bytes that were being read at once. */
  most = 0;
  #reading = 0;

  override async read(offset: number, length: number, into: Buffer): Promise<Buffer> {
    this.#reading += length;
    this.most = Math.max(this.most, this.#reading);
    await new Promise<void>((resolve) => this.held.push(resolve));
    this.#reading -= length;
    return super.read(offset, length, into);
  }

  release(): void {
    for (const resolve of this.held.splice(0)) resolve();
  }
}

describe('one connection', () => {
  it('has no more than 32 MiB in flight, however much it asks for', async () => {
    const target = new HeldTarget(Buffer.alloc(4 * MiB, 'x'));
    const { address, counters } = await serve(target);
    const client = await RawClient.ready(address);
    for (let count = 0; count < 50; count++) client.send(nbd.READ, 0, 4 * MiB);
    await until(() => target.held.length === 8);
    expect(counters).toMatchObject({ inFlight: 8, bytesInFlight: 32 * MiB });
    let got = 0;
    while (got < 50) {
      target.release();
      expect((await client.takeReply()).data).toHaveLength(4 * MiB);
      got += 1;
    }
    expect(target.most).toBe(32 * MiB);
  });

  it('is not read from as long as it does not take its replies', async () => {
    const target = new MemoryTarget(Buffer.alloc(4 * MiB, 'x'));
    const { address, counters } = await serve(target);
    const client = await RawClient.ready(address);
    for (let count = 0; count < 50; count++) client.send(nbd.READ, 0, 4 * MiB);
    // The system's buffers take in less than one reply.
    await until(() => target.calls.length === 8);
    await settle();
    expect(target.calls).toHaveLength(8);
    expect(counters).toMatchObject({ inFlight: 8, bytesInFlight: 32 * MiB });
    for (let count = 0; count < 50; count++) expect((await client.takeReply()).data).toHaveLength(4 * MiB);
    expect(counters).toMatchObject({ requests: 50, bytesRead: 200 * MiB });
  });

  it('has no more than 512 requests in flight, however small they are', async () => {
    const target = new HeldTarget(image('r'));
    const { address, counters } = await serve(target);
    const client = await RawClient.ready(address);
    for (let count = 0; count < 2000; count++) client.send(nbd.READ, 0, 1);
    await until(() => target.held.length === 512);
    expect(counters.inFlight).toBe(512);
    for (let got = 0; got < 2000; got++) {
      target.release();
      await client.takeReply();
    }
  });

  it('that stops in the middle of a payload gives everything back', async () => {
    const server = await serve(new MemoryTarget(image('rrrr')));
    const client = await RawClient.ready(server.address);
    client.send(nbd.WRITE, 0, 8192, 0, Buffer.alloc(5000));
    await until(() => server.counters.inFlight === 1);
    client.socket.destroy();
    await until(() => server.counters.connections === 0);
    expect(server.counters).toMatchObject(idle);
  });

  it('that breaks while requests are in flight gives everything back when they end', async () => {
    const target = new HeldTarget(image('rrrr'));
    const server = await serve(target);
    const client = await RawClient.ready(server.address);
    for (let count = 0; count < 5; count++) client.send(nbd.READ, 0, 4096);
    await until(() => target.held.length === 5);
    client.socket.destroy();
    target.release();
    await until(() => server.counters.connections === 0);
    expect(server.counters).toMatchObject(idle);
  });

  it('has a limited time for the handshake', async () => {
    const server = await serve(new MemoryTarget(image('r')), { handshakeTime: 1 });
    const client = await RawClient.connect(server.address);
    await client.gone();
    await until(() => server.counters.connections === 0);
    expect(server.events.at(-1)).toMatchObject({ event: 'disconnected', reason: 'the handshake took too long' });
  });
});

describe('many clients', () => {
  it('see one disk', async () => {
    const { address, counters } = await serve(new MemoryTarget(image('rr')));
    const [one, other] = [await RawClient.ready(address), await RawClient.ready(address, { structured: true })];
    const bytes = Buffer.alloc(100, 'news ');
    expect(await one.error(nbd.WRITE, 50, 100, 0, bytes)).toBe(0);
    expect((await other.request(nbd.READ, 50, 100))[0]?.data.subarray(8)).toEqual(bytes);
    expect(counters).toMatchObject({ connections: 2, accepted: 2 });
  });

  it('are limited in number', async () => {
    const server = await serve(new MemoryTarget(image('r')), { maxConnections: 2 });
    const taken = [await RawClient.ready(server.address), await RawClient.ready(server.address)];
    const third = await RawClient.connect(server.address);
    expect(await third.gone()).toHaveLength(0);
    expect(server.counters).toMatchObject({ connections: 2, refused: 1 });
    expect(server.events.at(-1)).toEqual({ event: 'refused', reason: 'there are 2 connections already' });
    taken[0]?.socket.destroy();
    await until(() => server.counters.connections === 1);
    await RawClient.ready(server.address);
  });

  it('may only look whether somebody listens', async () => {
    const server = await serve(new MemoryTarget(image('rr')));
    for (let count = 1; count <= 20; count++) {
      const socket = connect(server.address);
      socket.once('connect', () => socket.destroy());
      await once(socket, 'close');
      await until(() => server.events.filter(({ event }) => event === 'disconnected').length === count);
    }
    const reasons = server.events.flatMap((event) => (event.event === 'disconnected' ? [event.reason] : []));
    expect(reasons).toEqual(Array(20).fill(null));
  });

  it('come and go without a trace', async () => {
    const server = await serve(new MemoryTarget(image('rr')));
    for (let count = 0; count < 20; count++) {
      const client = await RawClient.ready(server.address);
      expect(await client.error(nbd.READ, 0, 100)).toBe(0);
      if (count % 2 === 0) client.send(nbd.DISC, 0, 0);
      client.socket.end();
    }
    await until(() => server.counters.connections === 0);
    expect(server.counters).toMatchObject({ ...idle, accepted: 20, requests: 20, bytesRead: 2000, errors: 0 });
    const reasons = server.events.flatMap((event) => (event.event === 'disconnected' ? [event.reason] : []));
    expect(reasons).toEqual(Array(20).fill(null));
  });
});

describe('the end', () => {
  it('lets requests in flight end, and takes no new ones', async () => {
    const target = new HeldTarget(image('rr'));
    const server = await serve(target);
    const client = await RawClient.ready(server.address);
    client.send(nbd.READ, 0, 100);
    await until(() => target.held.length === 1);
    const stopped = server.stop();
    await expect(RawClient.connect(server.address)).rejects.toThrow();
    client.send(nbd.READ, 0, 100);
    target.release();
    expect(await client.gone()).toHaveLength(116);
    await stopped;
    expect(server.counters).toMatchObject(idle);
  });

  it('does not come before the target is left alone, even if the client is gone', async () => {
    const target = new HeldTarget(image('rr'));
    const server = await serve(target);
    const client = await RawClient.ready(server.address);
    client.send(nbd.READ, 0, 100);
    await until(() => target.held.length === 1);
    client.socket.destroy();
    let finished = false;
    const stopped = server.stop().then(() => {
      finished = true;
    });
    await settle();
    expect(finished).toBe(false);
    target.release();
    await stopped;
  });

  it('does not wait for a client that does not take its replies', async () => {
    const target = new MemoryTarget(Buffer.alloc(4 * MiB));
    const server = await serve(target, { partingTime: 1 });
    const client = await RawClient.ready(server.address);
    client.send(nbd.READ, 0, 4 * MiB);
    await until(() => target.calls.length === 1);
    await server.stop();
    expect(server.counters).toMatchObject(idle);
  });

  it('does not wait for a client in the handshake, nor for one that just stays', async () => {
    const server = await serve(new MemoryTarget(image('r')), { partingTime: 1 });
    await RawClient.connect(server.address);
    await RawClient.greeted(server.address);
    await RawClient.ready(server.address);
    await server.stop();
    expect(server.counters).toMatchObject({ ...idle, accepted: 3 });
  });

  it('comes at once when the signal was there before', async () => {
    const options = { listen: { host: '127.0.0.1', port: 0 }, name: 'disk' };
    const server = await serveNbd(new MemoryTarget(image('r')), options, AbortSignal.abort());
    await server.finished;
  });
});
