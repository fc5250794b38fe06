/**
 * Goes on in the background: starts this program in a process of its own, which lives on when this one has ended, and
 * waits until it says that it is ready, or what is wrong. The passphrase goes through a pipe, where nobody sees it.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fail } from '../errors.ts';
import { clientEnvironment } from '../mount/processes.ts';
import type { Warning } from '../repository/events.ts';
import { thisProcess } from '../repository/here.ts';
import { absoluteLocation } from '../repository/stores/open.ts';
import type { StorageSettings } from '../repository/stores/settings.ts';
import { passphraseFor, type RepositoryAccess } from './access.ts';
import { type JobEvent, reportedFailure } from './job.ts';

/** The words of the line for settings that a child does not find in its environment. */
function storageWords(settings: StorageSettings): string[] {
  const { endpoint, pathStyle, plainHttp, uploadLimit, downloadLimit, cacheLimit } = settings;
  return [
    ...(endpoint === null ? [] : ['--s3-endpoint', endpoint]),
    ...(pathStyle ? ['--s3-path-style'] : []),
    ...(plainHttp ? ['--s3-plain-http'] : []),
    ...(uploadLimit === null ? [] : ['--limit-upload', String(uploadLimit)]),
    ...(downloadLimit === null ? [] : ['--limit-download', String(downloadLimit)]),
    ...(cacheLimit === undefined ? [] : ['--limit-cache', String(cacheLimit)]),
  ];
}

type MountedEvent = Extract<JobEvent, { event: 'mounted' }>;

/** Starts `strata` with these words and returns the event by which it says that its mount is ready. */
export async function startInBackground(
  access: RepositoryAccess,
  words: readonly string[],
  warn: (warning: Warning) => void,
): Promise<MountedEvent> {
  const secret = await passphraseFor(access);
  const [, program = ''] = process.argv;
  const password = secret === null ? [] : ['--password-file', '/dev/stdin'];
  const line = [
    program,
    ...words,
    '--json',
    '--repo',
    absoluteLocation(access.location),
    ...storageWords(access.storage),
    ...password,
  ];
  // Its threads share two heaps: by default each has one of its own, in which memory lies idle. What the answers to the
  // kernel lay in is kept for the next ones: given back, it would be faulted in again for each.
  const kept = String(32 * 1024 ** 2);
  const heaps = { MALLOC_ARENA_MAX: '2', MALLOC_TRIM_THRESHOLD_: kept, MALLOC_MMAP_THRESHOLD_: kept };
  const env: NodeJS.ProcessEnv = { ...heaps, ...process.env, ...clientEnvironment(thisProcess()) };
  delete env.STRATA_PASSWORD;
  delete env.STRATA_PASSWORD_FILE;
  const child = spawn(process.execPath, line, { env, cwd: '/', detached: true, stdio: ['pipe', 'pipe', 'ignore'] });
  child.stdin.on('error', () => undefined); // it ended before it read that, and says why
  // One line break is taken off at the other end.
  child.stdin.end(secret === null ? '' : `${secret}\n`);
  const ended = once(child, 'exit');
  for await (const text of createInterface({ input: child.stdout })) {
    const event = JSON.parse(text) as JobEvent;
    if (event.event === 'warning') warn(event);
    if (event.event === 'error') throw reportedFailure(event);
    if (event.event !== 'mounted') continue;
    child.stdout.destroy();
    child.unref();
    return event;
  }
  const [code] = await ended;
  throw fail('BACKGROUND_ENDED', { what: `strata ${words[0]}`, code: String(code) });
}
