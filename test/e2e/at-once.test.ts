/** Runs beside each other, and runs that are stopped. */
import { randomBytes } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { mib } from './images.ts';
import { type Json, openBench } from './strata.ts';

const bench = await openBench();
const env = { STRATA_REPO: bench.path('repo') };
const disk = bench.path('disk.img');

beforeAll(async () => {
  await bench.document(['init', '--no-encryption'], { env });
  await writeFile(disk, randomBytes(mib));
});

const reading = (event: Json) => event.event === 'stage' && event.stage === 'read';

/** A backup of a stream that goes on until it is ended. */
async function endless(name: string) {
  const running = bench.start(['backup', '-', '--disk', name, '--machine', 'm', '--json'], { env });
  await running.event(reading);
  return running;
}

describe('two backups', () => {
  test('of one disk: the second is refused, the first is not disturbed', async () => {
    const first = await endless('one');
    const second = await bench.strata(['backup', disk, '--disk', 'one', '--machine', 'm'], { env });
    expect(second).toMatchObject({ code: 11, stdout: '' });
    expect(second.stderr).toMatch(/^strata: disk m\/one is in use by process \d+ on \S+ since \S+\n {2}wait .*\n$/);
    first.end(randomBytes(mib));
    expect(await first.outcome).toMatchObject({ code: 0, stderr: '' });
  });

  test('of two disks do not mind each other', async () => {
    const first = await endless('two');
    await bench.events(['backup', disk, '--disk', 'three', '--machine', 'm'], { env });
    first.end(await readFile(disk));
    expect((await first.outcome).code).toBe(0);
    for (const name of ['two', 'three']) {
      await bench.events(['restore', `m/${name}@latest`, '--to', bench.path(name)], { env });
      expect((await readFile(bench.path(name))).equals(await readFile(disk)), name).toBe(true);
    }
  });
});

test('makings of one repository: one wins, and its passphrase opens it', async () => {
  const place = bench.path('contested');
  const passphrases = ['one', 'two', 'three'];
  const outcomes = await Promise.all(
    passphrases.map((STRATA_PASSWORD) =>
      bench.strata(['init', '--repo', place, '--json'], { env: { STRATA_PASSWORD } }),
    ),
  );
  const codes = outcomes.map(({ code }) => code);
  expect(codes.filter((code) => code === 0)).toHaveLength(1);
  for (const { code, stdout } of outcomes) {
    if (code !== 0) expect(JSON.parse(stdout).code).toMatch(/^(REPOSITORY_EXISTS|LOCATION_NOT_EMPTY)$/);
  }
  const STRATA_PASSWORD = passphrases[codes.indexOf(0)] ?? '';
  const keys = await bench.document(['key', 'list', '--repo', place], { env: { STRATA_PASSWORD } });
  expect(keys).toHaveLength(1);
});

describe('a backup that is stopped', () => {
  test.for(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('by %s ends cleanly and leaves no point', async (signal) => {
    const running = await endless('stopped');
    running.write(randomBytes(mib));
    running.kill(signal);
    const { code, stdout, stderr } = await running.outcome;
    expect(code, stderr).toBe(130);
    expect(JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '')).toMatchObject({
      event: 'error',
      code: 'INTERRUPTED',
      exitCode: 130,
    });
    expect(stderr).toMatch(/^strata: the backup of - was interrupted\n {2}\S.*\n$/);
    expect(await bench.document(['points', '--disk', 'stopped'], { env })).toEqual([]);
    expect(await readdir(bench.path('repo/tmp'))).toEqual([]);
    expect(await readdir(bench.path('repo/leases'))).toEqual([]);
  });

  test('by a kill is found by doctor, and cleared up by it', async () => {
    const running = await endless('killed');
    running.kill('SIGKILL');
    await running.outcome;
    const found = await bench.document(['doctor'], { env });
    expect(found.remains.deadRuns).toEqual([
      {
        run: expect.stringMatching(/^[0-9a-f]{24}$/),
        purpose: 'backup',
        machine: 'm',
        disk: 'killed',
        since: expect.any(String),
        spool: true,
      },
    ]);
    expect((await bench.document(['doctor', '--fix', '--dry-run'], { env })).fixed).toBe(false);
    expect((await bench.document(['doctor', '--fix'], { env })).fixed).toBe(true);
    expect((await bench.document(['doctor'], { env })).remains.deadRuns).toEqual([]);
    expect(await readdir(bench.path('repo/tmp'))).toEqual([]);
  });

  test('by a kill is told of by the next one', async () => {
    const running = await endless('again');
    running.kill('SIGKILL');
    await running.outcome;
    const events = await bench.events(['backup', disk, '--disk', 'again', '--machine', 'm'], { env });
    expect(events).toContainEqual(expect.objectContaining({ event: 'resumed', machine: 'm', disk: 'again' }));
    expect(events.at(-1)).toMatchObject({ event: 'result', kind: 'full', warnings: [] });
  });
});

test('a reader that goes away does not fail the command', async () => {
  const running = bench.start(['points'], { env });
  running.closeOutput();
  expect(await running.outcome).toMatchObject({ code: 0, stderr: '' });
});
