/** Failures of saved jobs and of their schedules. */
import type { ErrorKinds } from './kind.ts';

export const jobsFailures = {
  JOB_NOT_FOUND: {
    message: 'no job {job}',
    exit: 1,
    http: 404,
    hint: 'strata job list shows the jobs',
  },
  JOB_EXISTS: {
    message: 'there is a job {job} already',
    exit: 1,
    http: 409,
    hint: 'use --replace, or choose another name; nothing was written',
  },
  JOB_UNREADABLE: {
    message: '{path} is no job that this Strata can run: {reason}',
    exit: 1,
    http: 500,
    hint: 'correct the file, or make the job anew with strata job add --replace',
  },
  JOB_INSTALLED: {
    message: 'job {job} is installed: {path} would go on starting it',
    exit: 1,
    http: 409,
    hint: 'take that away first: strata job uninstall {job}',
  },
  RUN_UNREADABLE: {
    message: '{path} is no record of a run that this Strata can read',
    exit: 1,
    http: 500,
    hint: 'if a newer Strata wrote it, use that; else remove it',
  },
  RUN_MISSED: {
    message: 'job {job} was due at {due}, and nothing ran it then',
    exit: 1,
    http: 500,
    hint: 'it is run once instead; strata runs shows it',
  },
  DAMAGE_FOUND: {
    message: '{damaged} of {points} points are damaged',
    exit: 13,
    http: 500,
    hint: 'strata verify --all names what is damaged',
  },
  CALENDAR_UNSUITABLE: {
    message: 'systemd cannot keep the calendar "{calendar}": {reason}',
    exit: 1,
    http: 400,
    hint: '{instead}',
  },
  LAUNCHER_UNSUITABLE: {
    message: 'systemd cannot start {path}: {reason}',
    exit: 1,
    http: 409,
    hint: 'install Strata at a path without quotes, backslashes and control characters',
  },
  UNIT_FOREIGN: {
    message: '{path} was not written by strata job install',
    exit: 1,
    http: 409,
    hint: 'move it away, or give the job another name; nothing was changed',
  },
} as const satisfies ErrorKinds;
