import { describe, expect, it } from 'vitest';
import { fail } from '../../../src/errors.ts';
import { describeFailure, failureEvent, type JobEvent, runJob } from '../../../src/jobs/job.ts';

const isoTime = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);

function recorder() {
  const events: JobEvent[] = [];
  const abort = new AbortController();
  return { events, abort, job: { report: (event: JobEvent) => events.push(event), signal: abort.signal } };
}

describe('runJob', () => {
  it('stamps every event, ends with the result and returns it', async () => {
    const { events, job } = recorder();
    const result = await runJob(job, async (emit) => {
      emit({ event: 'stage', stage: 'read' });
      return { point: 'p' };
    });
    expect(result).toEqual({ point: 'p' });
    expect(events).toEqual([
      { event: 'stage', time: isoTime, stage: 'read' },
      { event: 'result', time: isoTime, point: 'p' },
    ]);
    expect(events.map((event) => Object.keys(event).slice(0, 2))).toEqual([
      ['event', 'time'],
      ['event', 'time'],
    ]);
  });

  it('reports no result when the action fails', async () => {
    const { events, job } = recorder();
    await expect(runJob(job, () => Promise.reject(fail('SOURCE_MISSING', { path: '/x' })))).rejects.toThrow(
      'source /x does not exist',
    );
    expect(events).toEqual([]);
  });

  it('does not begin what is already stopped', async () => {
    const { abort, job } = recorder();
    abort.abort(fail('INTERRUPTED', { action: 'backup' }));
    let begun = false;
    const run = runJob(job, async () => {
      begun = true;
      return {};
    });
    await expect(run).rejects.toMatchObject({ code: 'INTERRUPTED', exitCode: 130 });
    expect(begun).toBe(false);
  });
});

describe('what is told of a failure', () => {
  it('is what the error table says', () => {
    expect(failureEvent(fail('LOCKED', { what: 'disk a/b', holder: 'process 7 on h', since: '2026' }))).toEqual({
      event: 'error',
      time: isoTime,
      code: 'LOCKED',
      message: 'disk a/b is in use by process 7 on h since 2026',
      hint: 'wait for it to end and start again',
      exitCode: 11,
    });
  });

  it('is honest about a defect, on one line', () => {
    expect(describeFailure(new TypeError('x is not a function\nbut it should be'))).toEqual({
      code: 'UNEXPECTED',
      message: 'unexpected: x is not a function',
      hint: 'this is a defect of Strata: please report it with what --verbose prints',
      exitCode: 1,
    });
  });
});
