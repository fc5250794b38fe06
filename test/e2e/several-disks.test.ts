/** Several disks by one command, and by one saved job. */
import { writeFile } from 'node:fs/promises';
import { beforeAll, expect, test } from 'vitest';
import { type Json, openBench } from './strata.ts';

const bench = await openBench();
const env = {
  STRATA_REPO: bench.path('repo'),
  STRATA_CONFIG_DIR: bench.path('jobs'),
  STRATA_STATE_DIR: bench.path('state'),
};
const [one, two, missing] = ['one.img', 'two.img', 'missing.img'].map(bench.path) as [string, string, string];

beforeAll(async () => {
  await bench.document(['init', '--no-encryption', '--block-size', '64K'], { env });
  for (const image of [one, two]) await writeFile(image, Buffer.alloc(200_000, image));
});

test('each gets its point and its result, one that fails its error; the exit code is the worst', async () => {
  const words = ['backup', one, missing, two, '--machine', 'm', '--snapshot', 'off'];
  const events = await bench.events(words, { env, code: 1 });
  const results = events.filter(({ event }: Json) => event === 'result');
  expect(results).toMatchObject([
    { disk: 'missing.img', failure: { code: 'SOURCE_MISSING' } },
    { disk: 'one.img', failure: null, point: expect.any(String) },
    { disk: 'two.img', failure: null, point: expect.any(String) },
    { group: expect.stringMatching(/^[0-9a-f]{24}$/), oneInstant: false, warnings: [] },
  ]);
  const last = events.at(-1);
  expect(last.disks.map(({ disk }: Json) => disk)).toEqual(['one.img', 'missing.img', 'two.img']);
  for (const disk of ['one.img', 'two.img']) {
    const shown = await bench.document(['show', `m/${disk}@latest`], { env });
    expect(shown.group).toEqual({ id: last.group, oneInstant: false });
  }
  const listed = await bench.document(['points'], { env });
  expect(listed.map(({ group }: Json) => group.id)).toEqual([last.group, last.group]);
  expect(last.failure).toEqual({ ...results[0].failure, message: `${missing}: ${results[0].failure.message}` });
  const { stdout, stderr, code } = await bench.strata(words, { env });
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: `strata: ${missing}: source ${missing} does not exist\n  ${results[0].failure.hint}\n`,
  });
  expect(stdout).toMatch(/m\/one\.img +[0-9a-f]{24} +incremental/);
  expect(stdout).toMatch(/m\/missing\.img +failed/);
  expect(stdout).toContain('2 of 3 points');
});

test('what would be done is said, and nothing is written', async () => {
  const before = (await bench.document(['points'], { env })).length;
  const result = (
    await bench.events(['backup', one, two, '--machine', 'm', '--dry-run', '--snapshot', 'off'], { env })
  ).at(-1);
  expect(result).toMatchObject({
    dryRun: true,
    group: null,
    disks: [{ result: { point: null } }, { result: { point: null } }],
  });
  expect((await bench.document(['points'], { env })).length).toBe(before);
});

test.each([
  { words: ['backup'], message: 'no source was named; name one, or use --all-disks' },
  { words: ['backup', one, '--all-disks'], message: '--all-disks takes no source' },
  { words: ['backup', one, two, '--disk', 'd'], message: '--disk goes with one source' },
  { words: ['backup', one, one], message: `${one} is named twice` },
  { words: ['backup', one, two, '--snapshot', 'vss'], message: 'there is no snapshot provider vss' },
  {
    words: ['job', 'add', 'x', 'backup', '--all-disks', '--source', one],
    message: '--all-disks does not go with --source',
  },
])('$words is refused', async ({ words, message }) => {
  const { code, stderr } = await bench.strata(words, { env });
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(`strata: ${message}`) });
});

test('a saved job does the same, and forgets of each disk', async () => {
  const words = [
    'job',
    'add',
    'both',
    'backup',
    '--source',
    one,
    '--source',
    two,
    '--machine',
    'm',
    '--keep-last',
    '1',
  ];
  const { job } = await bench.document([...words, '--snapshot', 'off'], { env });
  expect(job).toMatchObject({
    kind: 'backup-disks',
    settings: { disks: [{ source: one, disk: 'one.img' }, { disk: 'two.img' }] },
  });
  const run = (await bench.events(['job', 'run', 'both'], { env })).at(-1);
  expect(run).toMatchObject({
    outcome: 'done',
    exitCode: 0,
    point: null,
    result: { disks: [{ failure: null }, { failure: null }] },
  });
  expect(run.forgetting).toHaveLength(2);
  expect(await bench.document(['points'], { env })).toHaveLength(2);
  expect((await bench.strata(['job', 'run', 'both', '--dry-run'], { env })).stdout).toContain('2 of 2 points');
  await bench.document(['job', 'add', 'all', 'backup', '--all-disks'], { env });
  expect((await bench.document(['job', 'show', 'all'], { env })).settings.disks).toBe(null);
});
