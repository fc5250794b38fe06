import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { busy, findHolders } from '../../../src/mount/holders.ts';
import { scratchFolder } from '../scratch.ts';
import { run } from './attach/images.ts';

/** Starts a program that runs until the test ends. */
async function start(command: string, words: readonly string[], options: { cwd?: string; env?: NodeJS.ProcessEnv }) {
  const program = spawn(command, words, { stdio: 'ignore', ...options });
  onTestFinished(async () => {
    const ended = once(program, 'exit');
    program.kill('SIGKILL');
    await ended;
  });
  await once(program, 'spawn');
  return program.pid ?? 0;
}

it('findHolders names everybody who holds a folder, with how, and nobody else', async () => {
  const folder = await scratchFolder();
  const [inside, beside] = [join(folder, 'inside'), join(folder, 'inside too')];
  for (const path of [inside, beside]) await mkdir(path);
  const sleep = run('sh', '-c', 'command -v sleep').trim();
  const library = run('ldd', sleep).match(/libc\.so\.6 => (\S+)/)?.[1] ?? '';
  await copyFile(sleep, join(inside, 'sleep'));
  await copyFile(library, join(inside, 'libc.so.6'));
  const opened = await open(join(inside, 'open'), 'w');
  onTestFinished(() => opened.close());

  const worker = await start(sleep, ['1000'], { cwd: inside });
  const runner = await start(join(inside, 'sleep'), ['1000'], { cwd: folder });
  const mapper = await start(sleep, ['1000'], { cwd: beside, env: { LD_LIBRARY_PATH: inside } });

  const held = { folders: [inside], devices: [] };
  const expected = [
    { pid: process.pid, command: expect.any(String), what: `has ${inside}/open open` },
    { pid: worker, command: 'sleep', what: `works in ${inside}` },
    { pid: runner, command: 'sleep', what: `runs ${inside}/sleep` },
    { pid: mapper, command: 'sleep', what: `has ${inside}/libc.so.6 mapped` },
  ];
  // What a program has mapped is seen when its loader has come so far.
  await expect.poll(() => findHolders(held)).toEqual(expect.arrayContaining(expected));
  expect(await findHolders(held)).toHaveLength(expected.length);
  expect(await findHolders({ folders: [join(folder, 'other')], devices: ['/dev/none'] })).toEqual([]);
});

it('busy tells it in one line', () => {
  const holders = [
    { pid: 7, command: 'bash', what: 'works in /mnt/a' },
    { pid: null, command: 'the kernel', what: 'swaps on /mnt/a/swap' },
  ];
  expect(busy('/mnt/a', holders)).toMatchObject({
    code: 'IN_USE',
    message: '/mnt/a is in use: bash (7) works in /mnt/a, the kernel swaps on /mnt/a/swap',
  });
  expect(busy('/mnt/a', []).message).toBe('/mnt/a is in use: the system does not tell by whom');
});
