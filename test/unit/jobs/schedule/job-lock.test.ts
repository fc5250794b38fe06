import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { JobLock } from '../../../../src/jobs/schedule/job-lock.ts';
import { thisProcess } from '../../../../src/repository/here.ts';
import { scratchFolder } from '../../scratch.ts';

const here = { ...thisProcess(), now: () => Date.parse('2026-11-20T12:00:00Z') };

it('is held by one at a time, even in one process, and named', async () => {
  const folder = await scratchFolder();
  const first = await JobLock.take(folder, 'j', here);
  await expect(JobLock.take(folder, 'j', here)).rejects.toMatchObject({
    code: 'LOCKED',
    exitCode: 11,
    message: `job j is in use by process ${process.pid} on ${here.host} since 2026-11-20T12:00:00.000Z`,
  });
  const other = await JobLock.take(folder, 'k', here);
  await other.release();
  await first.release();
  const second = await JobLock.take(folder, 'j', here);
  await second.release();
});

it('of many at once is held by one', async () => {
  const folder = await scratchFolder();
  const tries = await Promise.allSettled(Array.from({ length: 20 }, () => JobLock.take(folder, 'j', here)));
  const held = tries.filter((result) => result.status === 'fulfilled');
  expect(held).toHaveLength(1);
  for (const { value } of held) await value.release();
});

it('does not need what stands in its file', async () => {
  const folder = await scratchFolder();
  const first = await JobLock.take(folder, 'j', here);
  onTestFinished(() => first.release());
  await writeFile(join(folder, 'j/lock'), 'garbage');
  await expect(JobLock.take(folder, 'j', here)).rejects.toMatchObject({
    message: 'job j is in use by another process since just now',
  });
  expect(await readFile(join(folder, 'j/lock'), 'utf8')).toBe('garbage');
});
