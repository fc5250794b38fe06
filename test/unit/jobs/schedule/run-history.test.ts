import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  beginRun,
  endRun,
  historyLength,
  lastRun,
  listRuns,
  recordMissed,
  settleKilled,
} from '../../../../src/jobs/schedule/run-history.ts';
import type { RunEnd } from '../../../../src/jobs/schedule/run-record.ts';
import { type Here, thisProcess } from '../../../../src/repository/here.ts';
import { scratchFolder } from '../../scratch.ts';

const job = { job: 'j', kind: 'backup' };
const all = { job: undefined, limit: Number.POSITIVE_INFINITY };
const good: RunEnd = { outcome: 'done', bytesRead: 5, bytesStored: 3, point: 'ab', warnings: [], error: null };

/** This process, at a time of our own. */
const at = (time: string, more: Partial<Here> = {}): Here => ({
  ...thisProcess(),
  now: () => Date.parse(`2026-11-${time}:00Z`),
  ...more,
});

/** As if this were a process that is no more. */
async function deadHere(time: string): Promise<Here> {
  const child = spawn('sleep', ['100']);
  const start = thisProcess().startOf(child.pid ?? 0);
  child.kill('SIGKILL');
  await once(child, 'exit');
  return at(time, { pid: child.pid ?? 0, startOf: () => start });
}

describe('a run', () => {
  it('is running, then what became of it', async () => {
    const folder = await scratchFolder();
    const begun = await beginRun(folder, job, at('20T12:00'));
    expect(await listRuns(folder, all, at('20T12:01'))).toMatchObject({
      runs: [{ outcome: 'running', finished: null }],
    });
    await endRun(
      folder,
      begun,
      { ...good, outcome: 'warnings', warnings: [{ code: 'X', message: 'y' }] },
      at('20T12:02'),
    );
    expect(await listRuns(folder, all, at('20T12:03'))).toMatchObject({
      runs: [
        {
          job: 'j',
          kind: 'backup',
          outcome: 'warnings',
          started: '2026-11-20T12:00:00.000Z',
          finished: '2026-11-20T12:02:00.000Z',
          seconds: 120,
          bytesRead: 5,
          bytesStored: 3,
          point: 'ab',
          warnings: [{ code: 'X', message: 'y' }],
        },
      ],
      unreadable: [],
    });
    expect(await readdir(join(folder, 'j'))).toHaveLength(1);
  });

  it('of a clock that was set back took no less than nothing', async () => {
    const folder = await scratchFolder();
    const begun = await beginRun(folder, job, at('20T12:00'));
    expect(await endRun(folder, begun, good, at('20T11:00'))).toMatchObject({ seconds: 0 });
  });

  it('that was killed was interrupted, and is written down as that by the next', async () => {
    const folder = await scratchFolder();
    await beginRun(folder, job, await deadHere('20T12:00'));
    const interrupted = { outcome: 'interrupted', finished: null, seconds: null, error: { code: 'INTERRUPTED' } };
    expect((await listRuns(folder, all, at('20T12:01'))).runs).toMatchObject([interrupted]);
    await settleKilled(folder, 'j');
    // Whoever looks now, from wherever.
    expect((await listRuns(folder, all, at('20T12:01', { pidNamespace: 'x' }))).runs).toMatchObject([interrupted]);
  });

  it('of another start of the machine was interrupted', async () => {
    const folder = await scratchFolder();
    await beginRun(folder, job, at('20T12:00', { bootId: 'before' }));
    expect((await listRuns(folder, all, at('20T12:01'))).runs).toMatchObject([{ outcome: 'interrupted' }]);
  });

  it('in another container cannot be seen from here, and counts as running', async () => {
    const folder = await scratchFolder();
    await beginRun(folder, job, { ...(await deadHere('20T12:00')), pidNamespace: 'elsewhere' });
    expect((await listRuns(folder, all, at('20T12:01'))).runs).toMatchObject([{ outcome: 'running' }]);
  });
});

describe('a list', () => {
  it('has the runs of all jobs, newest first, as many as are wanted', async () => {
    const folder = await scratchFolder();
    for (const [name, time] of [
      ['a', '20T12:00'],
      ['b', '20T13:00'],
      ['a', '20T14:00'],
    ] as const) {
      await endRun(folder, await beginRun(folder, { ...job, job: name }, at(time)), good, at(time));
    }
    const names = async (wanted: Parameters<typeof listRuns>[1]) =>
      (await listRuns(folder, wanted, at('20T15:00'))).runs.map((run) => `${run.job}${run.started.slice(11, 13)}`);
    expect(await names(all)).toEqual(['a14', 'b13', 'a12']);
    expect(await names({ job: 'a', limit: 9 })).toEqual(['a14', 'a12']);
    expect(await names({ job: undefined, limit: 2 })).toEqual(['a14', 'b13']);
    expect(await names({ job: 'c', limit: 2 })).toEqual([]);
  });

  it('names what cannot be read', async () => {
    const folder = await scratchFolder();
    await endRun(folder, await beginRun(folder, job, at('20T12:00')), good, at('20T12:00'));
    await writeFile(join(folder, 'j/20261120T130000000Z-0123abcd.json'), '{"format": 9}');
    await writeFile(join(folder, 'j/.something'), '');
    await writeFile(join(folder, 'j/lock'), '');
    await writeFile(join(folder, 'stray'), '');
    const { runs, unreadable } = await listRuns(folder, all, at('20T13:00'));
    expect(runs).toHaveLength(1);
    expect(unreadable).toEqual([expect.stringContaining('is no record of a run that this Strata can read')]);
    expect(await lastRun(folder, 'j', at('20T13:00'))).toMatchObject({ id: runs[0]?.id });
    await settleKilled(folder, 'j');
  });

  it('never forgets the run that has just ended', async () => {
    const folder = await scratchFolder();
    const begun = await beginRun(folder, job, at('20T12:00'));
    const ahead = (n: number) => `20400101T${String(n).padStart(9, '0')}Z-00000000.json`;
    for (let n = 0; n < historyLength; n++) await writeFile(join(folder, 'j', ahead(n)), '');
    await endRun(folder, begun, good, at('20T12:00'));
    const left = (await readdir(join(folder, 'j'))).sort();
    expect(left).toHaveLength(historyLength);
    expect(left[0]).toContain(begun.id);
  });

  it('is bounded: the oldest runs of a job are forgotten', async () => {
    const folder = await scratchFolder();
    const begun = await beginRun(folder, job, at('20T12:00'));
    await mkdir(join(folder, 'other'), { recursive: true });
    const old = (n: number) => `20260101T${String(n).padStart(9, '0')}Z-00000000.json`;
    for (let n = 0; n < historyLength + 5; n++) await writeFile(join(folder, 'j', old(n)), '');
    await writeFile(join(folder, 'other', old(0)), '');
    await endRun(folder, begun, good, at('20T12:00'));
    const left = (await readdir(join(folder, 'j'))).sort();
    expect(left).toHaveLength(historyLength);
    expect(left[0]).toBe(old(6));
    expect(left.at(-1)).toContain(begun.id);
    expect(await readdir(join(folder, 'other'))).toHaveLength(1);
  });
});

describe('the last run', () => {
  it('is the one that began last, whatever came of it, but no missed one', async () => {
    const folder = await scratchFolder();
    expect(await lastRun(folder, 'j', at('20T12:00'))).toBeNull();
    await endRun(folder, await beginRun(folder, job, at('20T12:00')), { ...good, outcome: 'failed' }, at('20T12:00'));
    await recordMissed(folder, job, Date.parse('2026-11-20T13:00:00Z'), at('20T14:00'));
    expect(await lastRun(folder, 'j', at('20T14:00'))).toMatchObject({ started: '2026-11-20T12:00:00.000Z' });
    expect((await listRuns(folder, all, at('20T14:00'))).runs[0]).toMatchObject({
      outcome: 'missed',
      started: '2026-11-20T13:00:00.000Z',
      error: { code: 'RUN_MISSED', message: 'job j was due at 2026-11-20T13:00:00.000Z, and nothing ran it then' },
    });
  });

  it('may be a day ahead of a clock that was set back, not more', async () => {
    const folder = await scratchFolder();
    for (const time of ['18T12:00', '20T12:00']) await beginRun(folder, job, at(time));
    expect(await lastRun(folder, 'j', at('19T12:00'))).toMatchObject({ started: '2026-11-20T12:00:00.000Z' });
    expect(await lastRun(folder, 'j', at('19T11:00'))).toMatchObject({ started: '2026-11-18T12:00:00.000Z' });
  });
});
