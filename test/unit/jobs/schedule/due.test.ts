import { describe, expect, it } from 'vitest';
import { dueAt } from '../../../../src/jobs/schedule/due.ts';
import type { Schedule } from '../../../../src/jobs/schedule/saved-job.ts';
import { verifyJobOf } from './jobs.ts';

const at = (time: string) => Date.parse(`2026-${time}:00Z`);

function due(schedule: Schedule | null, last: string | null, now: string, saved = '11-01T00:00'): string | null {
  const job = verifyJobOf('j', schedule, `2026-${saved}:00.000Z`);
  const moment = dueAt(job, last === null ? null : at(last), at(now));
  return moment === null ? null : new Date(moment).toISOString().slice(5, 16);
}

describe('an interval', () => {
  const schedule = { every: '6h' };

  it('counts from start to start, and from now before the first', () => {
    expect(due(schedule, null, '11-20T12:00')).toBe('11-20T12:00');
    expect(due(schedule, '11-20T10:00', '11-20T12:00')).toBe('11-20T16:00');
  });

  it('that passed while nothing ran is due, once', () => {
    expect(due(schedule, '11-10T10:00', '11-20T12:00')).toBe('11-10T16:00');
    expect(due(schedule, '11-20T12:00', '11-20T12:00')).toBe('11-20T18:00');
  });

  it('begins anew when the clock went behind the last start', () => {
    expect(due(schedule, '11-20T12:00', '11-20T09:00')).toBe('11-20T15:00');
  });
});

describe('a calendar', () => {
  const schedule = { calendar: '0 2 * * *', timeZone: 'UTC' };

  it('counts from the last start, and from when the job was saved before the first', () => {
    expect(due(schedule, '11-20T02:00', '11-20T12:00')).toBe('11-21T02:00');
    expect(due(schedule, null, '11-20T12:00', '11-20T11:00')).toBe('11-21T02:00');
  });

  it('that passed while nothing ran is due, once', () => {
    expect(due(schedule, '11-10T02:00', '11-20T12:00')).toBe('11-11T02:00');
    expect(due(schedule, null, '11-20T12:00', '11-18T11:00')).toBe('11-19T02:00');
    expect(due(schedule, '11-20T12:00', '11-20T12:00')).toBe('11-21T02:00');
  });

  it('does not come again for a clock that went back', () => {
    expect(due(schedule, '11-20T02:00', '11-20T01:30')).toBe('11-21T02:00');
  });

  it('that was changed counts from then', () => {
    expect(due(schedule, '11-10T02:00', '11-20T12:00', '11-20T11:00')).toBe('11-21T02:00');
  });

  it('of a job that was saved by a clock that was years ahead is due', () => {
    const job = verifyJobOf('j', schedule, '2040-01-01T00:00:00.000Z');
    expect(dueAt(job, null, at('11-20T12:00'))).toBe(at('11-20T12:00'));
  });
});

it('a job without schedule is never due', () => {
  expect(due(null, null, '11-20T12:00')).toBeNull();
});
