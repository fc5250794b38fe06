import { describe, expect, it, onTestFinished } from 'vitest';
import { beginRun, endRun, listRuns } from '../../../../src/jobs/schedule/run-history.ts';
import type { RunEnd } from '../../../../src/jobs/schedule/run-record.ts';
import type { SavedJob } from '../../../../src/jobs/schedule/saved-job.ts';
import { runScheduler } from '../../../../src/jobs/schedule/scheduler.ts';
import { thisProcess } from '../../../../src/repository/here.ts';
import { scratchFolder } from '../../scratch.ts';
import { HandClock } from './hand-clock.ts';
import { verifyJobOf } from './jobs.ts';

const good: RunEnd = { outcome: 'done', bytesRead: 0, bytesStored: 0, point: null, warnings: [], error: null };

const hourly = verifyJobOf('hourly', { every: '1h' }, '2026-11-20T12:00:00.000Z');
const nightly = verifyJobOf('nightly', { calendar: '0 2 * * *', timeZone: 'UTC' }, '2026-11-20T12:00:00.000Z');

/** A scheduler on a clock of its own, and the history that it leaves. */
async function bench(time: string, ...saved: SavedJob[]) {
  const runs = await scratchFolder();
  const clock = new HandClock(time);
  const here = { ...thisProcess(), now: clock.now };
  const jobs = [...saved];
  const troubles: string[] = [];
  /** Day and time at which each run began. */
  const began: string[] = [];
  let stop = new AbortController();
  let scheduler: Promise<void> | undefined;

  const record = async (job: SavedJob) => {
    began.push(`${job.name} ${new Date(clock.now()).toISOString().slice(8, 16)}`);
    const run = await beginRun(runs, { job: job.name, kind: job.kind }, here);
    return () => endRun(runs, run, good, here);
  };
  const start = (
    run: (job: SavedJob, signal: AbortSignal) => Promise<unknown> = (job) =>
      clock.during(async () => (await record(job))()),
  ) => {
    stop = new AbortController();
    scheduler = runScheduler({
      jobs: async () => ({ jobs, unreadable: [] }),
      runs,
      run,
      trouble: (message) => troubles.push(message),
      signal: stop.signal,
      clock,
    });
  };
  const end = async () => {
    stop.abort();
    await scheduler;
  };
  onTestFinished(end);
  const outcomes = async () => {
    const { runs: listed } = await listRuns(runs, { job: undefined, limit: 1000 }, here);
    return listed.map(({ outcome, started }) => `${outcome} ${started.slice(8, 16)}`).reverse();
  };
  return { clock, jobs, troubles, began, record, start, end, outcomes };
}

describe('the scheduler', () => {
  it('runs an interval from start to start, at once the first time', async () => {
    const { clock, began, start, end } = await bench('2026-11-20T12:00:00Z', hourly);
    start();
    await clock.advance(150);
    await end();
    expect(began).toEqual(['hourly 20T12:00', 'hourly 20T13:00', 'hourly 20T14:00']);
  });

  it('runs a calendar at its times, each once', async () => {
    const { clock, began, start, end, outcomes } = await bench('2026-11-20T12:00:00Z', nightly);
    start();
    await clock.advance(60 * 40);
    await end();
    expect(began).toEqual(['nightly 21T02:00', 'nightly 22T02:00']);
    expect(await outcomes()).toEqual(['done 21T02:00', 'done 22T02:00']);
  });

  it('runs jobs beside each other, and no job beside itself', async () => {
    const { clock, began, record, start, end } = await bench('2026-11-20T12:00:00Z', hourly, {
      ...hourly,
      name: 'second',
    });
    const open = Promise.withResolvers<void>();
    start(async (job) => {
      const finish = await clock.during(() => record(job));
      if (job.name === 'hourly' && began.length <= 2) await open.promise;
      await clock.during(finish);
    });
    await clock.advance(150);
    expect(began.filter((run) => run.startsWith('hourly'))).toEqual(['hourly 20T12:00']);
    expect(began.filter((run) => run.startsWith('second'))).toHaveLength(3);
    open.resolve();
    // What came due meanwhile is run once, and was not missed.
    await clock.advance(2);
    await end();
    expect(began.filter((run) => run.startsWith('hourly'))).toHaveLength(2);
  });

  it('runs a job once that was missed while nothing ran, and tells that it was', async () => {
    const { clock, began, start, end, outcomes } = await bench('2026-11-20T12:00:00Z', hourly, nightly);
    start();
    await clock.advance(30);
    await end();
    clock.set('2026-11-25T07:10:00Z');
    start();
    await clock.advance(30);
    await end();
    expect(began).toEqual(['hourly 20T12:00', 'hourly 25T07:10', 'nightly 25T07:10']);
    expect(await outcomes()).toEqual([
      'done 20T12:00',
      'missed 20T13:00',
      'missed 21T02:00',
      'done 25T07:10',
      'done 25T07:10',
    ]);
  });

  it('makes up for what a machine that slept has missed', async () => {
    const { clock, began, start, end } = await bench('2026-11-20T23:00:00Z', nightly);
    start();
    await clock.advance(10);
    clock.set('2026-11-21T08:00:00Z');
    await clock.advance(2);
    await end();
    expect(began).toEqual([expect.stringMatching(/^nightly 21T08:0[01]$/)]);
  });

  it('runs nothing twice when the clock goes back', async () => {
    const { clock, began, start, end } = await bench('2026-11-21T01:30:00Z', hourly, {
      ...nightly,
      saved: '2026-11-21T00:00:00.000Z',
    });
    start();
    await clock.advance(35);
    expect(began).toEqual(['hourly 21T01:30', 'nightly 21T02:00']);
    clock.set('2026-11-21T01:00:00Z');
    await clock.advance(55);
    expect(began).toHaveLength(2);
    // An hour after the clock was set, as the time of the last run is not to be trusted any more.
    await clock.advance(10);
    expect(began.slice(2)).toEqual([expect.stringMatching(/^hourly 21T02:0[01]$/)]);
    await clock.advance(60 * 24);
    await end();
    expect(began.filter((run) => run.startsWith('nightly'))).toEqual(['nightly 21T02:00', 'nightly 22T02:00']);
  });

  it('is not put off for years by a clock that was years ahead', async () => {
    const { clock, began, start, end } = await bench('2040-01-01T00:00:00Z', hourly);
    start();
    await clock.advance(5);
    clock.set('2026-11-20T12:00:00Z');
    await clock.advance(5);
    await end();
    expect(began).toEqual(['hourly 01T00:00', expect.stringMatching(/^hourly 20T12:0\d$/)]);
  });

  it('takes jobs as they come, change and go', async () => {
    const { clock, jobs, began, start, end } = await bench('2026-11-20T12:00:00Z');
    start();
    await clock.advance(10);
    jobs.push({ ...hourly, schedule: { every: '30m' } });
    await clock.advance(35);
    expect(began).toEqual(['hourly 20T12:11', 'hourly 20T12:41']);
    jobs.splice(0, 1, { ...hourly, schedule: null });
    await clock.advance(120);
    jobs.splice(0, 1);
    await clock.advance(120);
    await end();
    expect(began).toHaveLength(2);
  });

  it('tells once of a job that cannot be run, and tries again every minute', async () => {
    const { clock, troubles, start, end } = await bench('2026-11-20T12:00:00Z', hourly);
    let tries = 0;
    start(async () => {
      tries++;
      throw new Error('the state folder is read-only');
    });
    await clock.advance(10);
    await end();
    expect(troubles).toEqual(['job hourly could not be run: the state folder is read-only']);
    expect(tries).toBeGreaterThan(5);
    expect(tries).toBeLessThan(15);
  });

  it('leaves a run that failed to the history', async () => {
    const { clock, began, troubles, record, start, end } = await bench('2026-11-20T12:00:00Z', hourly);
    start((job) =>
      clock.during(async () => {
        await (await record(job))();
        throw new Error('no');
      }),
    );
    await clock.advance(65);
    await end();
    expect(began).toEqual(['hourly 20T12:00', 'hourly 20T13:00']);
    expect(troubles).toEqual([]);
  });

  it('stops what it has started, and waits for it', async () => {
    const { clock, record, start, end, outcomes } = await bench('2026-11-20T12:00:00Z', hourly);
    start(async (job, signal) => {
      const finish = await clock.during(() => record(job));
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      await finish();
    });
    await clock.advance(1);
    expect(await outcomes()).toEqual(['running 20T12:00']);
    await end();
    expect(await outcomes()).toEqual(['done 20T12:00']);
  });
});

it('runs on the clock of the machine, too', async () => {
  const runs = await scratchFolder();
  const stop = new AbortController();
  const job = verifyJobOf('often', { every: '1s' });
  let count = 0;
  await runScheduler({
    jobs: async () => ({ jobs: [job], unreadable: [] }),
    runs,
    run: async () => {
      const run = await beginRun(runs, { job: job.name, kind: job.kind }, thisProcess());
      await endRun(runs, run, good, thisProcess());
      if (++count === 2) stop.abort();
    },
    trouble: (message) => expect.unreachable(message),
    signal: stop.signal,
  });
  expect(count).toBe(2);
});
