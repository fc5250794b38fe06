import { writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { run } from './images.ts';
import { checkout, openBench } from './strata.ts';

const bench = await openBench();

/** Whether a shell is installed; a test that needs it is skipped otherwise. */
async function has(shell: string): Promise<boolean> {
  return run(shell, ['-c', 'true']).then(
    () => true,
    () => false,
  );
}

test.for(['bash', 'zsh', 'fish'])('%s accepts its script', async (shell, { skip }) => {
  if (!(await has(shell))) skip(`${shell} is not installed`);
  const { stdout } = await bench.strata(['completion', shell]);
  await writeFile(bench.path(shell), stdout);
  const { stderr } = await run(shell, ['-n', bench.path(shell)]);
  expect(stderr).toBe('');
});

/** What bash would offer for a line, its last word being typed. */
async function bashOffers(...words: string[]): Promise<string[]> {
  const line = ['strata', ...words].map((word) => `'${word}'`).join(' ');
  const script = `source <(strata completion bash); COMP_WORDS=(${line}) COMP_CWORD=${words.length}
    _strata 2>/dev/null; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const env = { ...process.env, HOME: bench.folder, PATH: `${checkout}:${process.env.PATH}` };
  const { stdout } = await run('bash', ['-c', script], { env });
  return stdout.split('\n').filter((offer) => offer !== '');
}

test('bash completes commands, options and choices', async () => {
  expect(await bashOffers('res')).toEqual(['restore']);
  expect(await bashOffers('key', 'pass')).toEqual(['passwd']);
  expect(await bashOffers('verify', '--sa')).toEqual(['--sample']);
  expect(await bashOffers('backup', '--type', '=', 'sch')).toEqual(['scheduled']);
});

test('what is typed is not run by the shell', async () => {
  expect(await bashOffers('backup', '$(touch run)', '--comp')).toEqual(['--compression']);
  await expect(run('test', ['-e', bench.path('run')])).rejects.toThrow();
});

test('bash completes the ids of restore points', async () => {
  const repo = bench.path('repo');
  await bench.document(['init', '--repo', repo, '--no-encryption']);
  await writeFile(bench.path('disk.img'), 'contents');
  const events = await bench.events(['backup', 'disk.img', '--repo', repo]);
  const { point } = events.at(-1);
  expect(await bashOffers('--repo', repo, 'show', '')).toEqual([point]);
  expect(await bashOffers('--repo', repo, 'show', point.slice(0, 5))).toEqual([point]);
});

test('a repository that cannot be opened completes to nothing', async () => {
  expect(await bashOffers('--repo', bench.path('nowhere'), 'show', '')).toEqual([]);
});
