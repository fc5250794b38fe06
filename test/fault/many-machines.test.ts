/**
 * Several machines and one bucket, nothing of ours in between: they back up disks that have much in common, die at any request now and
 * then, while one forgets and collects without any grace. Every point that is there is bit-exact.
 */
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { checkout, type Json, type Outcome, openBench, sha256 } from '../e2e/strata.ts';
import { type Ceph, environmentFor } from '../lab/ceph.ts';
import { startFaultProxy } from '../lab/fault-proxy.ts';
import { announceNoCeph, makeBucket } from '../lab/shared-ceph.ts';
import { makeBytes } from '../model/bytes.ts';
import { randomFrom } from '../model/random.ts';

const file = 'fault/many-machines.test.ts';
const isRoot = process.getuid?.() === 0;
if (!isRoot) console.warn(`${file} is skipped: only root can give processes host names of their own`);
const skipped = announceNoCeph(file) !== '' || !isRoot;
const rounds = process.env.STRATA_LONG === '1' ? 25 : 3;
const bench = await openBench();
const bucket = `many-${randomBytes(8).toString('hex')}`;
const repo = `s3://${bucket}/repo`;
const piece = 256 * 1024;
let ceph: Ceph;

beforeAll(async () => {
  if (!skipped) ceph = await makeBucket(bucket);
}, 120_000);

/** A machine of its own name, with a cache and a way to the server of its own. */
async function machineNamed(host: string) {
  const proxy = await startFaultProxy(ceph.endpoint);
  const env = {
    ...environmentFor({ ...ceph, endpoint: proxy.endpoint }),
    STRATA_REPO: repo,
    XDG_CACHE_HOME: bench.path(`${host}.cache`),
  };
  const program = ['unshare', '--uts', 'sh', '-c', `hostname ${host} && exec "$@"`, 'sh', `${checkout}strata`];
  /** Runs it; with a number it is killed at that request. */
  const run = async (words: readonly string[], killedAt: number | null = null): Promise<Outcome> => {
    const from = proxy.asked.length;
    const running = bench.startProgram(program, [...words, '--json'], { env });
    if (killedAt !== null) {
      proxy.conditions.fault = ({ n }) => {
        if (n - from < killedAt) return null;
        running.kill('SIGKILL');
        return { kind: 'hang' };
      };
    }
    running.end();
    const outcome = await running.outcome;
    delete proxy.conditions.fault;
    return outcome;
  };
  return { host, run, close: () => proxy.close() };
}

const lastOf = ({ stdout }: Outcome): Json => JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '');

describe.skipIf(skipped)('machines that share a bucket', { timeout: 3_600_000 }, () => {
  test('keep every point, whoever dies and whatever is collected meanwhile', async () => {
    const owner = await machineNamed('owner');
    expect(await owner.run(['init', '--no-encryption', '--block-size', '64K'])).toMatchObject({ code: 0 });
    const hosts = ['alpha', 'beta', 'gamma'];
    const hashes = new Map(hosts.map((host) => [host, new Set<string>()]));
    const committed: string[] = [];

    const work = async (host: string, index: number) => {
      const random = randomFrom(90 + index);
      const machine = await machineNamed(host);
      const disk = bench.path(`${host}.img`);
      for (let round = 0; round < rounds; round++) {
        // Most of it is what the others have, too, and comes and goes.
        const pieces = Array.from({ length: 12 }, () =>
          makeBytes(piece, random.chance(0.8) ? random.below(20) : 1000 + random.below(1e6)),
        );
        await writeFile(disk, Buffer.concat(pieces));
        hashes.get(host)?.add(await sha256(disk));
        const words = ['backup', disk, '--machine', host, '--disk', 'd'];
        if (random.chance(0.5)) expect(await machine.run(words, 5 + random.below(25))).toMatchObject({ code: null });
        const outcome = await machine.run(words);
        expect([0, 3], outcome.stderr).toContain(outcome.code);
        committed.push(lastOf(outcome).point);
      }
      await machine.close();
    };
    let working = true;
    const collect = async () => {
      while (working) {
        expect((await owner.run(['forget', '--keep-last', '2'])).code).toBe(0);
        const collected = await owner.run(['gc', '--grace', '0']);
        expect([0, 3], collected.stderr).toContain(collected.code);
      }
    };
    const collecting = collect();
    try {
      await Promise.all(hosts.map(work));
    } finally {
      working = false;
      await collecting;
    }

    const verified = await owner.run(['verify', '--all']);
    expect(lastOf(verified), verified.stderr).toMatchObject({ damaged: 0 });
    const points: Json[] = JSON.parse((await owner.run(['points'])).stdout);
    for (const host of hosts) expect(points.some(({ machine }) => machine === host)).toBe(true);
    // What was committed last of each machine is there.
    for (const { id, machine } of points) {
      const out = bench.path('out.img');
      expect(await owner.run(['restore', id, '--to', out, '--force'])).toMatchObject({ code: 0 });
      expect(hashes.get(machine)?.has(await sha256(out)), `${id} of ${machine}`).toBe(true);
    }
    const newest = new Set(hosts.map((host) => points.find(({ machine }) => machine === host)?.id));
    expect(committed.filter((id) => newest.has(id)).length).toBe(hosts.length);
    await owner.close();
  });
});
