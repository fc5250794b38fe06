/**
 * Every failure that Strata knows: tables (src/errors) from code to message, exit code, HTTP status, errno and hint.
 *
 * A message is one line and says what happened, to what; the hint says what to do. `{name}` in either is filled
 * from the parameters, and the compiler checks that all of them are given. An error is made by `fail()` and
 * thrown by the caller: `throw fail('SOURCE_MISSING', { path })`.
 */
import { constants } from 'node:os';
import { getSystemErrorMessage } from 'node:util';
import { accessFailures } from './errors/access.ts';
import { driveFailures } from './errors/drive.ts';
import { generalFailures } from './errors/general.ts';
import { jobsFailures } from './errors/jobs.ts';
import type { ErrorKind, ErrorKinds } from './errors/kind.ts';
import { pointsFailures } from './errors/points.ts';
import { servingFailures } from './errors/serving.ts';
import { sourceFailures } from './errors/source.ts';
import { storageFailures } from './errors/storage.ts';
import { targetFailures } from './errors/target.ts';

export const errorTable = {
  ...generalFailures,
  ...storageFailures,
  ...accessFailures,
  ...pointsFailures,
  ...sourceFailures,
  ...driveFailures,
  ...targetFailures,
  ...jobsFailures,
  ...servingFailures,
} as const satisfies ErrorKinds;

export type ErrorCode = keyof typeof errorTable;

type Placeholders<Text extends string> = Text extends `${string}{${infer Name}}${infer Rest}`
  ? Name | Placeholders<Rest>
  : never;

/** What a code's message and hint need to know. */
export type ErrorParams<Code extends ErrorCode> = Readonly<
  Record<Placeholders<(typeof errorTable)[Code]['message'] | (typeof errorTable)[Code]['hint']>, string | number>
>;

/** A failure with a code, an exit code and a next step; made by `fail()`. */
export class StrataError extends Error {
  readonly code: ErrorCode;
  readonly params: Readonly<Record<string, string | number>>;

  constructor(code: ErrorCode, params: Readonly<Record<string, string | number>>, cause?: unknown) {
    super(fill(errorTable[code].message, params), cause === undefined ? undefined : { cause });
    this.name = 'StrataError';
    this.code = code;
    this.params = params;
  }

  get exitCode(): number {
    return errorTable[this.code].exit;
  }

  get httpStatus(): number {
    return errorTable[this.code].http;
  }

  /** What to do about it. */
  get hint(): string {
    return fill(errorTable[this.code].hint, this.params);
  }
}

/** Makes the error; the caller throws it. */
export function fail<Code extends ErrorCode>(
  code: Code,
  params: ErrorParams<Code>,
  options: { readonly cause?: unknown } = {},
): StrataError {
  return new StrataError(code, params, options.cause);
}

/** The errno by which a program that reads through a mount learns of a failure. */
export function errnoOf({ code }: StrataError): number {
  const { errno }: ErrorKind = errorTable[code];
  return constants.errno[(errno ?? 'EIO') as keyof typeof constants.errno];
}

/** Whether `error` is a StrataError, of one of `codes` when any are given. */
export function isStrataError(error: unknown, ...codes: readonly ErrorCode[]): error is StrataError {
  return error instanceof StrataError && (codes.length === 0 || codes.includes(error.code));
}

/**
 * Turns what a system call of Node threw into a StrataError; a StrataError passes through.
 * `what` says what was tried, to what: "cannot write /x/y".
 */
export function fromSystem(error: unknown, what: string): StrataError {
  if (error instanceof StrataError) return error;
  const { errno } = error as NodeJS.ErrnoException;
  return ofErrno(Math.abs(errno ?? 0), what, error) ?? fail('IO', { what, reason: reasonOf(error) }, { cause: error });
}

/**
 * Turns what the addon threw into a StrataError; a StrataError passes through.
 * `path` is what the action is about, for errors that name no path of their own.
 */
export function fromNative(error: unknown, path: string): StrataError {
  if (error instanceof StrataError) return error;
  const native = error as { code?: unknown; errno?: number; path?: string };
  const at = native.path || path;
  if (native.code === 'CANCELLED') return fail('INTERRUPTED', { action: `work on ${at}` }, { cause: error });
  const writing = ['SPOOL_WRITE', 'TARGET_WRITE', 'OVERLAY_WRITE'].includes(String(native.code));
  const known = writing ? ofErrno(native.errno ?? 0, `cannot write ${at}`, error) : null;
  if (known !== null) return known;
  const code = typeof native.code === 'string' && native.code in errorTable ? (native.code as ErrorCode) : 'IO';
  return new StrataError(code, { path: at, what: at, reason: reasonOf(error) }, error);
}

/** The failures of a system call that users meet and can do something about. */
function ofErrno(errno: number, what: string, cause: unknown): StrataError | null {
  switch (errno) {
    case constants.errno.ENOSPC:
    case constants.errno.EDQUOT:
      return fail('NO_SPACE', { what }, { cause });
    case constants.errno.EROFS:
      return fail('READ_ONLY', { what }, { cause });
    case constants.errno.EACCES:
    case constants.errno.EPERM:
      return fail('PERMISSION', { what }, { cause });
    default:
      return null;
  }
}

/** The one-line text of anything thrown; of a system error the system's own words. */
export function reasonOf(error: unknown): string {
  const { errno } = error as NodeJS.ErrnoException;
  if (typeof errno === 'number' && errno < 0) return getSystemErrorMessage(errno);
  return error instanceof Error ? error.message : String(error);
}

function fill(template: string, params: Readonly<Record<string, string | number>>): string {
  return template.replace(/\{(\w+)\}/g, (_, name: string) => printable(String(params[name] ?? '?')));
}

/** Paths and names may hold line breaks and terminal control characters; a message must not. */
function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
