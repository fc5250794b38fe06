/** What a person sees on a terminal, what a script reads, and what neither is told. */
import { randomBytes } from 'node:crypto';
import { stat, writeFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { mib } from './images.ts';
import { type Json, openBench, passphrase, treeDigest } from './strata.ts';

const bench = await openBench();
const env = { STRATA_REPO: bench.path('repo') };
const disk = bench.path('disk.img');

beforeAll(async () => {
  await bench.document(['init', '--no-encryption'], { env });
  await writeFile(disk, randomBytes(4 * mib));
});

describe('a script', () => {
  test('reads a line for each event, the last of them the result', async () => {
    const words: [string[], string[]][] = [
      [
        ['backup', disk, '--machine', 'm'],
        ['point', 'kind', 'parent', 'size', 'bytesRead', 'bytesNew', 'bytesStored', 'blocks', 'snapshot', 'tracker'],
      ],
      [
        ['restore', 'm/disk.img@latest', '--to', bench.path('restored')],
        ['bytesWritten', 'bytesSkipped'],
      ],
      [
        ['verify', 'm/disk.img@latest'],
        ['points', 'damaged'],
      ],
    ];
    for (const [line, keys] of words) {
      const events = await bench.events(line, { env });
      for (const event of events) expect(Object.keys(event).slice(0, 2)).toEqual(['event', 'time']);
      expect(events.map(({ time }: Json) => time)).toEqual(events.map(({ time }: Json) => time).sort());
      expect(events.filter(({ event }: Json) => event === 'started')).toHaveLength(1);
      expect(events.filter(({ event }: Json) => event === 'result')).toEqual([events.at(-1)]);
      expect(Object.keys(events.at(-1))).toEqual(expect.arrayContaining([...keys, 'seconds']));
    }
  });

  test('may put options before and after the command', async () => {
    const before = await bench.strata(['--json', '--repo', bench.path('repo'), 'points', '--limit', '1']);
    const after = await bench.strata(['points', '--limit', '1', '--repo', bench.path('repo'), '--json']);
    expect(before).toEqual(after);
    expect(JSON.parse(before.stdout)).toHaveLength(1);
  });

  test('may try everything dry, and nothing is written', async () => {
    const { point } = (await bench.events(['backup', disk, '--machine', 'dry'], { env })).at(-1);
    const before = await treeDigest(bench.path('repo'));
    const tried = [
      await bench.document(['init', '--repo', bench.path('new'), '--dry-run'], {
        env: { STRATA_PASSWORD: passphrase },
      }),
      await bench.document(['forget', point, '--dry-run'], { env }),
      (await bench.events(['backup', disk, '--machine', 'dry', '--dry-run'], { env })).at(-1),
      (await bench.events(['restore', point, '--to', bench.path('new'), '--dry-run'], { env })).at(-1),
    ];
    for (const result of tried) expect(result.dryRun).toBe(true);
    expect(tried[2]).toMatchObject({ point: null, kind: 'incremental', parent: point, size: 4 * mib });
    expect(await treeDigest(bench.path('repo'))).toBe(before);
    await expect(stat(bench.path('new'))).rejects.toThrow('ENOENT');
  });

  test('reads of this machine what doctor finds', async () => {
    const { able, machine, remains } = await bench.document(['doctor'], { env });
    expect(able).toBe(true);
    expect(machine.slice(0, 2)).toMatchObject([
      { name: 'Node.js', found: true, required: true, remedy: '' },
      { name: 'native addon', found: true, required: true, remedy: '' },
    ]);
    for (const { found, remedy } of machine) expect(remedy === '').toBe(found);
    expect(remains).toEqual({ deadRuns: [], unusedPacks: { count: 0, bytes: 0 } });
  });
});

describe('a person', () => {
  test('sees a bar that is gone at the end, and then the result', async () => {
    const words = ['backup', disk, '--machine', 'm', '--rate-limit', '8M'];
    const { code, stdout } = await bench.onTerminal(words, { env }).outcome;
    expect(code).toBe(0);
    const lines = stdout.split('\r\u001b[K');
    expect(lines[1]).toMatch(/^backup {2}\[[#-]{20}\] +\d+ % {2}\S+ [KM]?i?B of 4\.0 MiB/);
    expect(lines.at(-1)).toMatch(/^point {3}[0-9a-f]{24} \(incremental on [0-9a-f]{8}\)\r\n/);
  });

  test('sees no bar with --quiet, and no colours with NO_COLOR', async () => {
    const quiet = bench.onTerminal(['backup', disk, '--rate-limit', '8M', '--quiet'], { env });
    expect((await quiet.outcome).stdout).not.toContain('\u001b');
    const words = ['show', 'ffffffff'];
    expect((await bench.onTerminal(words, { env }).outcome).stdout).toContain('\u001b[31mstrata:');
    const plain = bench.onTerminal(words, { env: { ...env, NO_COLOR: '1' } });
    expect((await plain.outcome).stdout).toMatch(/^strata: no restore point/);
  });

  test('finds what to do in the help', async () => {
    const { code, stdout } = await bench.strata(['--help']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/Exit codes:\n {2}0 done/);
    const commands = [...stdout.matchAll(/^ {2}([a-z]+) .*\S$/gm)].map(([, name]) => name ?? '');
    for (const name of commands.filter((name) => name !== 'help')) {
      const help = await bench.strata([name, '--help']);
      expect(help, name).toMatchObject({ code: 0, stderr: '' });
      expect(help.stdout, name).toMatch(/^Usage: strata /);
    }
    const { stderr } = await bench.strata([]);
    expect(stderr).toBe(stdout);
  });

  test('gets the version', async () => {
    expect(await bench.strata(['--version'])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    });
  });
});
