/**
 * Snapshots whose overwritten blocks go to another machine, with and without a buffer before it: in a virtual machine, for
 * which this one is the other. Its servers are those of others, and they fail in every way that they can.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Json, openBench } from '../e2e/strata.ts';
import { noNbdkit, noQemuNbd } from '../unit/backup/nbd/servers.ts';
import { StrataGuest, whyNoStrataGuest } from './strata-guest.ts';

const bench = await openBench();
const trouble = (await whyNoStrataGuest()) || noNbdkit || noQemuNbd;
if (trouble) console.warn(`network-store.long.test.ts is skipped: ${trouble}`);

const mib = 1024 ** 2;
const size = 16 * mib;
const device = '/dev/mapper/plain';
const buffered = '--snapshot-folder /run/store --snapshot-size 8M';
const drivers = ['dm_snapshot', 'dm_writecache', 'dm_crypt', 'aes_generic', 'xts', 'loop'];

describe.skipIf(trouble)('a store over the network', () => {
  let guest: StrataGuest;
  let table: string;
  const servers: ChildProcess[] = [];

  beforeAll(async () => {
    guest = await StrataGuest.start(bench, drivers);
    await guest.run(`mkdir /run/store; dmsetup create plain --table '0 ${size / 512} linear /dev/vda 0'`);
    await guest.run(`dd if=/dev/urandom of=${device} bs=1M oflag=direct`, 1);
    table = await guest.run('dmsetup table plain');
  }, 300_000);

  afterEach(async () => {
    await guest?.run('[ -z "$hammer" ] || kill -9 $hammer 2> /dev/null; wait; hammer=');
    for (const server of servers.splice(0)) {
      server.kill('SIGKILL');
      if (server.exitCode === null && server.signalCode === null) await once(server, 'exit');
    }
  });

  afterAll(() => guest?.kill());

  /** Starts a server on this machine; gives its words for a backup, and itself. */
  async function serve(
    program: string,
    words: (port: number) => string[],
  ): Promise<{ store: string; server: ChildProcess }> {
    const port = await freePort();
    const server = spawn(program, words(port), { stdio: ['ignore', 'ignore', 'inherit'] });
    servers.push(server);
    await guest.run(`until nbd-client -l 10.0.2.2 ${port} > /dev/null 2>&1; do sleep 0.2; done`);
    return { store: `--snapshot-store nbd://10.0.2.2:${port}/`, server };
  }

  const nbdkit = (...words: string[]) =>
    serve('nbdkit', (port) => ['-f', '-i', '127.0.0.1', '-p', `${port}`, ...words]);

  const backUp = (more: string, code = 0) => guest.backUp(device, `--snapshot dm-snapshot ${more}`, code);

  /** Fails unless all is as if there had been no snapshot. */
  async function expectNothingLeft(): Promise<void> {
    expect(await guest.run('dmsetup table plain')).toBe(table);
    expect(await guest.run('dmsetup ls')).toMatch(/^plain\s\S+$/);
    expect(
      await guest.run('ls -A /run/store; losetup --list --noheadings; ls /sys/block/nbd*/pid 2> /dev/null || true'),
    ).toBe('');
    await guest.expectNoRecords();
  }

  /** Fails unless somebody who writes to the device is not held up. */
  const expectWritable = () =>
    guest.run(`timeout 10 dd if=/dev/urandom of=${device} bs=4k count=8 seek=3000 oflag=direct`);

  // 001-07, 001-08
  test.each([
    ['of nbdkit in memory', '', () => nbdkit('memory', '64M')],
    ['of nbdkit in a sparse file, behind a buffer', buffered, () => nbdkit('file', sparse('kit'))],
    [
      'of qemu-nbd',
      buffered,
      () => serve('qemu-nbd', (port) => ['-t', '-f', 'raw', '-b', '127.0.0.1', '-p', `${port}`, sparse('qemu')]),
    ],
  ])('takes what is overwritten, and forgets it: %s', async (_, near, start) => {
    const { store } = await start();
    for (const round of near === '' ? [1] : [1, 2]) {
      const rest = await guest.hammer(device);
      const result = await backUp(`${store} ${near} --rate-limit 16M --full`);
      expect(result, `${round}`).toMatchObject({
        snapshot: 'dm-snapshot',
        consistency: 'crash',
        size: size,
        warnings: [],
      });
      await guest.expectInstant(device, 'plain');
      await rest();
      await expectNothingLeft();
    }
  });

  // 001-10
  test('gives a block again and again, in the buffer and when it was sent on, and shows it to nobody', async () => {
    const path = sparse('secret');
    const { store } = await nbdkit('--filter=delay', 'file', path, 'wdelay=3');
    const secret = 'nobody else has to know this';
    const blocks = 'bs=4k count=64 iflag=direct status=none';
    await guest.run(`yes '${secret}' | dd of=${device} bs=4k seek=100 count=64 iflag=fullblock oflag=direct`);
    await guest.run(`dd if=${device} of=/run/before skip=100 ${blocks}`);
    const same = () =>
      guest.run(`for n in 1 2 3; do dd if=$view skip=100 ${blocks} | cmp - /run/before && echo same; done`);
    await midway(`${store} ${buffered}`, async () => {
      await guest.run('view=$(ls /dev/mapper/strata-????????)');
      await guest.run(`dd if=/dev/urandom of=${device} bs=4k seek=100 count=64 oflag=direct conv=notrunc`);
      const used = `dmsetup status $view-buffer | cut -d' ' -f5,6`;
      const [all, free] = (await guest.run(used)).split(' ').map(Number) as [number, number];
      expect(all - free, 'they wait in the buffer').toBeGreaterThan(32);
      expect(await same()).toBe('same\nsame\nsame');
      await guest.run(`until set -- $(${used}); [ $(($1 - $2)) -lt 8 ]; do sleep 0.2; done`);
      expect(await same()).toBe('same\nsame\nsame');
      const content = readFileSync(path);
      expect(content.includes('snapshot store')).toBe(true);
      expect(content.subarray(4096).some((byte) => byte !== 0)).toBe(true);
      expect(content.includes(secret)).toBe(false);
    });
    await expectNothingLeft();
  });

  // 001-09
  test('that is slower than what is overwritten ends the run early, and says so', async () => {
    const { store } = await nbdkit('--filter=rate', 'memory', '64M', 'rate=400K');
    await guest.hammer(device);
    const lost = await backUp(`${store} ${buffered} --full --rate-limit 64K`, 1);
    expect(lost).toMatchObject({ event: 'error', code: 'SNAPSHOT_OUTPACED' });
    expect(lost.message).toMatch(
      /the network to nbd:\S+ is too slow: it took [\d.]+ MiB of the [\d.]+ MiB .* the buffer of 8\.\d MiB is full/,
    );
    await expectWritable();
    await expectNothingLeft();
  });

  test('that is full ends the run', async () => {
    const { store } = await nbdkit('memory', '3M');
    await guest.hammer(device);
    const lost = await backUp(`${store} --full --rate-limit 1M`, 1);
    expect(['SNAPSHOT_LOST', 'SNAPSHOT_OUTPACED']).toContain(lost.code);
    await expectWritable();
    await expectNothingLeft();
  });

  test('whose server dies ends the run, and holds up nobody', async () => {
    const { store, server } = await nbdkit('memory', '64M');
    await guest.hammer(device);
    await begin(store);
    server.kill('SIGKILL');
    const lost = await ended();
    expect(lost).toMatchObject({ event: 'error', code: 'SNAPSHOT_LOST' });
    expect(lost.message).toContain('nbd://10.0.2.2');
    await expectWritable();
    await expectNothingLeft();
  });

  test('whose server is silent ends the run at the limit, and holds up nobody for longer', async () => {
    const { store, server } = await nbdkit('memory', '64M');
    await guest.hammer(device);
    await begin(`${store} ${buffered} --freeze-limit 5`);
    server.kill('SIGSTOP');
    const lost = await ended();
    expect(lost).toMatchObject({ event: 'error', code: 'SNAPSHOT_LOST' });
    await expectWritable();
    await expectNothingLeft();
    server.kill('SIGCONT');
  });

  test('of a killed run goes with the next one, and holds up nobody meanwhile', async () => {
    const { store } = await nbdkit('memory', '64M');
    const rest = await guest.hammer(device);
    await guest.killAmid(device, `--snapshot dm-snapshot ${store} ${buffered}`);
    await expectWritable();
    const kill = 'STRATA_FAILPOINT=snapshot.exchange:1:kill';
    await guest.strata(`backup ${device} --machine m --snapshot dm-snapshot ${store}`, 137, kill);
    await expectWritable();
    await rest();
    expect(await backUp(`${store} ${buffered}`)).toMatchObject({ snapshot: 'dm-snapshot', warnings: [] });
    await expectNothingLeft();
    await guest.strata('restore m/plain@latest --to /dev/vdb --force');
    await guest.run(`blockdev --flushbufs ${device}; cmp -n ${size} /dev/vdb ${device}`);
  });

  test('of a killed run whose server dies, or is silent, holds up nobody for longer than the limit', async () => {
    for (const signal of ['SIGKILL', 'SIGSTOP'] as const) {
      const { store, server } = await nbdkit('memory', '64M');
      await guest.killAmid(device, `--snapshot dm-snapshot ${store} ${buffered} --freeze-limit 5`);
      server.kill(signal);
      await guest.run(`timeout 20 dd if=/dev/urandom of=${device} bs=1M count=12 oflag=direct`);
      await guest.strata('doctor --fix');
      await expectNothingLeft();
    }
  });

  test('that holds something else is left alone, and so is one that another run uses', async () => {
    const path = sparse('files');
    const content = randomBytes(64 * mib);
    writeFileSync(path, content);
    const { store } = await nbdkit('file', path);
    const refused = await backUp(store, 1);
    expect(refused).toMatchObject({ event: 'error', code: 'SNAPSHOT_FAILED' });
    expect(refused.message).toContain('it holds something');
    expect(readFileSync(path).equals(content)).toBe(true);
    await expectNothingLeft();
    const other = await nbdkit('memory', '64M');
    await guest.run(`dmsetup create second --table '0 2048 linear /dev/vda ${size / 512}'`);
    await midway(other.store, async () => {
      const second = await guest.backUp('/dev/mapper/second', `--snapshot dm-snapshot ${other.store}`, 1);
      expect(second).toMatchObject({ code: 'SNAPSHOT_FAILED' });
      expect(second.message).toContain('another backup of this machine uses it');
    });
    await guest.run('dmsetup remove second');
    await expectNothingLeft();
  });

  test('that another machine takes meanwhile ends the run', async () => {
    const path = sparse('taken');
    const { store } = await nbdkit('file', path);
    await begin(store);
    const mark = { strata: 'snapshot store', user: { id: 'cafe0001', host: 'elsewhere', bootId: 'x', since: 'now' } };
    const file = openSync(path, 'r+');
    writeFileSync(file, `${JSON.stringify(mark)}\n`.padEnd(4096, '\0'));
    closeSync(file);
    const lost = await ended();
    expect(lost).toMatchObject({ code: 'SNAPSHOT_LOST' });
    expect(lost.message).toContain('elsewhere uses it');
    const refused = await backUp(store, 1);
    expect(refused.message).toContain('elsewhere uses it since now');
    await expectNothingLeft();
  });

  test('that cannot be had at all is told before anything is stored', async () => {
    const nobody = await backUp(`--snapshot-store nbd://10.0.2.2:${await freePort()}/`, 1);
    expect(nobody).toMatchObject({ code: 'SNAPSHOT_FAILED' });
    const { store } = await nbdkit('-r', 'memory', '64M');
    expect((await backUp(store, 1)).message).toContain('cannot be written');
    const small = await nbdkit('memory', '4K');
    expect((await backUp(small.store, 1)).message).toContain('no room');
    await expectNothingLeft();
  });

  /** Starts a backup that takes long. */
  async function begin(more: string): Promise<void> {
    const line = `backup ${device} --machine m --allocation off --rate-limit 1M --full --snapshot dm-snapshot ${more} --json`;
    await guest.run(`${guest.program} ${line} > /run/begun 2>&1 & run=$!`);
    await guest.run(`until grep -q '"stage":"read"' /run/begun; do kill -0 $run || break; sleep 0.1; done`);
  }

  /** Its last event. */
  async function ended(): Promise<Json> {
    await guest.run('wait $run; true');
    const lines = (await guest.run('cat /run/begun')).split('\n').filter((line) => line.startsWith('{"event"'));
    return JSON.parse(lines.at(-1) ?? '{}');
  }

  /** Does something while a backup reads, which is stopped then. */
  async function midway(more: string, work: () => Promise<void>): Promise<void> {
    await begin(more);
    try {
      await work();
    } finally {
      await guest.run('kill -INT $run; wait $run; true');
    }
  }
});

function sparse(name: string): string {
  const path = bench.path(name);
  writeFileSync(path, '');
  truncateSync(path, 64 * mib);
  return path;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  return port;
}
