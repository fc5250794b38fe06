import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkJob, requireJobName, type SavedJob } from '../../../../src/jobs/schedule/saved-job.ts';
import {
  jobPath,
  listSavedJobs,
  readSavedJob,
  removeSavedJob,
  writeSavedJob,
} from '../../../../src/jobs/schedule/saved-jobs.ts';
import { scratchFolder } from '../../scratch.ts';
import { verifyJobOf } from './jobs.ts';

const backup: SavedJob = {
  format: 1,
  name: 'nightly',
  repository: '/backup',
  passwordFile: '/root/pass',
  schedule: { calendar: '30 1 * * *', timeZone: 'Europe/Berlin' },
  saved: '2026-11-20T12:00:00.000Z',
  kind: 'backup',
  settings: {
    source: '/dev/vda',
    machine: 'web1',
    disk: 'vda',
    snapshot: 'auto',
    tracker: 'auto',
    allocation: 'auto',
    type: 'scheduled',
    tags: ['a b', '50%', '$HOME'],
    keep: { keepLast: 3, keepWithin: '30d', timeZone: 'Europe/Berlin' },
  },
};

describe('a saved job', () => {
  it('is read as it was written, by nobody else', async () => {
    const folder = join(await scratchFolder(), 'deep/jobs');
    await writeSavedJob(folder, backup, { replace: false });
    expect(await readSavedJob(folder, 'nightly')).toEqual(backup);
    expect((await stat(jobPath(folder, 'nightly'))).mode & 0o777).toBe(0o600);
    expect(await readdir(folder)).toEqual(['nightly.json']);
  });

  it('is only replaced when that is asked for', async () => {
    const folder = await scratchFolder();
    await writeSavedJob(folder, backup, { replace: false });
    const other = { ...backup, repository: '/other' };
    await expect(writeSavedJob(folder, other, { replace: false })).rejects.toMatchObject({ code: 'JOB_EXISTS' });
    expect(await readSavedJob(folder, 'nightly')).toEqual(backup);
    await writeSavedJob(folder, other, { replace: true });
    expect(await readSavedJob(folder, 'nightly')).toEqual(other);
    expect(await readdir(folder)).toEqual(['nightly.json']);
  });

  it('is removed, even when it cannot be read', async () => {
    const folder = await scratchFolder();
    await writeFile(join(folder, 'x.json'), 'garbage', { mode: 0o600 });
    await removeSavedJob(folder, 'x');
    await expect(removeSavedJob(folder, 'x')).rejects.toMatchObject({ code: 'JOB_NOT_FOUND' });
    await expect(readSavedJob(folder, 'x')).rejects.toMatchObject({ code: 'JOB_NOT_FOUND' });
  });

  it('that others can write to is not believed', async () => {
    const folder = await scratchFolder();
    await writeSavedJob(folder, backup, { replace: false });
    await chmod(jobPath(folder, 'nightly'), 0o622);
    await expect(readSavedJob(folder, 'nightly')).rejects.toMatchObject({
      code: 'JOB_UNREADABLE',
      message: expect.stringContaining('others can write to it'),
    });
  });
});

it('a list names what cannot be read, and hides nothing for it', async () => {
  const folder = await scratchFolder();
  for (const name of ['b', 'a']) await writeSavedJob(folder, verifyJobOf(name, null), { replace: false });
  await writeFile(join(folder, 'bad.json'), '{', { mode: 0o600 });
  await writeFile(join(folder, '.a.json.123'), 'unfinished');
  await writeFile(join(folder, 'notes.txt'), 'not ours');
  const { jobs, unreadable } = await listSavedJobs(folder);
  expect(jobs.map(({ name }) => name)).toEqual(['a', 'b']);
  expect(unreadable).toEqual([expect.stringContaining('bad.json is no job that this Strata can run: it is not JSON')]);
  expect(await listSavedJobs(join(folder, 'missing'))).toEqual({ jobs: [], unreadable: [] });
});

describe('a file that is no job', () => {
  const settings = backup.settings;
  const cases: readonly (readonly [change: object, reason: string])[] = [
    [{ surprise: 1 }, 'unknown: surprise'],
    [{ settings: { ...settings, password: 'x' } }, 'unknown: settings.password'],
    [{ schedule: { every: '1h', jitter: 1 } }, 'unknown: schedule.jitter'],
    [{ repository: undefined }, 'repository: '],
    [{ repository: '' }, 'repository: it is empty'],
    [{ passwordFile: 'pass' }, 'passwordFile: it is not an absolute path'],
    [{ kind: 'gc' }, 'kind: '],
    [{ format: 2 }, 'format: '],
    [{ name: 'other' }, 'it is of job other'],
    [{ schedule: {} }, 'schedule: it takes either every or calendar'],
    [{ schedule: { every: '1h', calendar: '0 1 * * *' } }, 'schedule: it takes either every or calendar'],
    [{ schedule: { calendar: '0 1 * * *' } }, 'schedule: calendar and timeZone belong together'],
    [{ schedule: { every: '1h', timeZone: 'UTC' } }, 'schedule: calendar and timeZone belong together'],
    [{ schedule: { every: '0h' } }, 'schedule.every: it takes an interval such as 90m, 6h or 1d'],
    [
      { schedule: { calendar: '0 1 * *', timeZone: 'UTC' } },
      'schedule: "0 1 * *" is no calendar: it takes five fields',
    ],
    [{ settings: { ...settings, source: 'disk.img' } }, 'settings.source: it is not an absolute path'],
    [{ settings: { ...settings, machine: 'a/b' } }, 'settings.machine: '],
    [{ settings: { ...settings, tags: [''] } }, 'settings.tags.0: it is empty'],
    [{ settings: { ...settings, type: 'yearly' } }, 'settings.type: '],
    [{ settings: { ...settings, keep: { timeZone: 'UTC' } } }, 'settings.keep: no rule says which points to keep'],
    [{ settings: { ...settings, keep: { keepLast: 0, timeZone: 'UTC' } } }, 'settings.keep.keepLast: '],
    [{ settings: { ...settings, keep: { keepLast: 1, timeZone: 'X' } } }, 'settings.keep: X is no time zone'],
  ];

  it.each(cases)('%j', async (change, reason) => {
    const folder = await scratchFolder();
    await writeFile(jobPath(folder, 'nightly'), JSON.stringify({ ...backup, ...change }), { mode: 0o600 });
    await expect(readSavedJob(folder, 'nightly')).rejects.toMatchObject({
      code: 'JOB_UNREADABLE',
      message: expect.stringContaining(`nightly.json is no job that this Strata can run: ${reason}`),
    });
    if ((change as { name?: string }).name === undefined) {
      expect(() => checkJob({ ...backup, ...change })).toThrowError(expect.objectContaining({ code: 'USAGE' }));
    }
  });
});

describe('a name', () => {
  it.each(['a', '0', 'web1-root', 'a.b_c', 'x'.repeat(64)])('%s', (name) => {
    expect(() => requireJobName(name)).not.toThrow();
  });

  it.each(['', '.', '..', '-a', '_a', 'A', 'a b', 'a/b', '../a', 'a%n', 'a$b', 'a@b', 'ä', 'a\n', 'x'.repeat(65)])(
    'is refused: %j',
    async (name) => {
      const folder = await scratchFolder();
      await mkdir(join(folder, 'jobs'));
      await expect(readSavedJob(join(folder, 'jobs'), name)).rejects.toMatchObject({ code: 'USAGE' });
      const job = { ...backup, name };
      await expect(writeSavedJob(join(folder, 'jobs'), job, { replace: true })).rejects.toMatchObject({
        code: 'USAGE',
      });
      expect(await readdir(folder, { recursive: true })).toEqual(['jobs']);
    },
  );
});

it('is text that a person can read and change', async () => {
  const folder = await scratchFolder();
  await writeSavedJob(folder, verifyJobOf('check', { every: '7d' }), { replace: false });
  expect(await readFile(jobPath(folder, 'check'), 'utf8')).toBe(`{
  "format": 1,
  "name": "check",
  "repository": "/backup",
  "passwordFile": null,
  "schedule": {
    "every": "7d"
  },
  "saved": "2026-11-01T00:00:00.000Z",
  "kind": "verify",
  "settings": {
    "samplePercent": 100
  }
}
`);
});
