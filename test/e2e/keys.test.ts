/** Passphrases: any one opens the repository, what is stored stays as it is, and none is ever shown. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Json, openBench, passphrase } from './strata.ts';

const bench = await openBench(passphrase);
const repo = bench.path('repo');
const second = { STRATA_NEW_PASSWORD: 'a second one' };

/** Whether a passphrase opens the repository. */
async function opens(given: string): Promise<boolean> {
  const { code } = await bench.strata(['points', '--repo', repo], { env: { STRATA_PASSWORD: given } });
  expect([0, 12]).toContain(code);
  return code === 0;
}

/** The process whose command line ends with these words; what runs on the terminal is no child of ours. */
async function pidOf(...words: string[]): Promise<number> {
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => ''); // it may just have ended
    if (line.endsWith(`\0${words.join('\0')}\0`)) return Number(pid);
  }
  throw new Error(`nothing runs ${words.join(' ')}`);
}

beforeAll(async () => {
  expect(await bench.document(['init', '--repo', repo, '--block-size', '64K'])).toMatchObject({
    blockSize: 65536,
    encryption: 'aes-256-gcm',
    id: expect.stringMatching(/^[0-9a-f]{32}$/),
  });
});

describe('key', () => {
  test('add makes a second passphrase, remove takes it away', async () => {
    const words = ['key', 'add', '--label', 'spare', '--repo', repo];
    expect(await bench.document([...words, '--dry-run'], { env: second })).toEqual({ dryRun: true, key: null });
    const { key } = await bench.document(words, { env: second });
    expect(key).toMatchObject({ label: 'spare', current: false });
    expect(await opens('a second one')).toBe(true);

    const listed = await bench.document(['key', 'list', '--repo', repo]);
    expect(listed.map(({ label, current }: Json) => [label, current])).toEqual([
      ['first', true],
      ['spare', false],
    ]);
    const remove = ['key', 'remove', key.id.slice(0, 6), '--repo', repo];
    expect(await bench.document([...remove, '--dry-run'])).toMatchObject({ dryRun: true, key: { id: key.id } });
    await bench.document(remove);
    expect(await opens('a second one')).toBe(false);
  });

  test('remove leaves the last one', async () => {
    const [{ id }] = await bench.document(['key', 'list', '--repo', repo]);
    for (const dry of [[], ['--dry-run']]) {
      const { code, stderr } = await bench.strata(['key', 'remove', id, '--repo', repo, ...dry]);
      expect(code).toBe(1);
      expect(stderr).toContain(`key ${id} is the only one of the repository`);
    }
    expect(await opens(passphrase)).toBe(true);
  });

  test('passwd replaces the passphrase', async () => {
    const file = bench.path('new.pass');
    await writeFile(file, 'third\n');
    await bench.document(['key', 'passwd', '--new-password-file', file, '--repo', repo]);
    expect(await opens(passphrase)).toBe(false);
    expect(await opens('third')).toBe(true);
    const back = { STRATA_PASSWORD_FILE: file, STRATA_PASSWORD: '', STRATA_NEW_PASSWORD: passphrase };
    await bench.document(['key', 'passwd', '--repo', repo], { env: back });
    expect(await opens(passphrase)).toBe(true);
  });
});

describe('on a terminal', () => {
  const env = { STRATA_PASSWORD: '' };

  test('a new passphrase is asked for twice, an old one once, and neither is shown', async () => {
    const made = bench.onTerminal(['init', '--repo', bench.path('asked')], { env });
    await made.printed('Passphrase of the new repository');
    made.write('typed by hand\r');
    await made.printed('The same again');
    made.write('typed by hand\r');
    const { code, stdout } = await made.outcome;
    expect(code).toBe(0);
    expect(stdout).not.toContain('hand');

    const listed = bench.onTerminal(['points', '--repo', bench.path('asked')], { env });
    await listed.printed('Passphrase of the repository');
    listed.write('typed by hand\r');
    expect(await listed.outcome).toMatchObject({ code: 0, stdout: expect.stringContaining('point  time') });
  });

  test('two that differ make nothing', async () => {
    const made = bench.onTerminal(['init', '--repo', bench.path('typo')], { env });
    await made.printed('Passphrase of the new repository');
    made.write('one\r');
    await made.printed('The same again');
    made.write('two\r');
    const { code, stdout } = await made.outcome;
    expect(code).toBe(2);
    expect(stdout).toContain('the two passphrases are not the same');
  });

  test('Ctrl-C at the question ends with 130', async () => {
    const asked = bench.onTerminal(['points', '--repo', repo], { env });
    await asked.printed('Passphrase of the repository');
    asked.write('\u0003');
    expect(await asked.outcome).toMatchObject({ code: 130, stdout: expect.stringContaining('was interrupted') });
  });

  test('a long action that is stopped takes its question back', async () => {
    const asked = bench.onTerminal(['verify', '--all', '--repo', repo], { env });
    await asked.printed('Passphrase of the repository');
    process.kill(await pidOf('verify', '--all', '--repo', repo), 'SIGTERM');
    expect(await asked.outcome).toMatchObject({ code: 130, stdout: expect.stringContaining('was interrupted') });
  });
});
