/**
 * Goes on in the background: starts the same program in a process of its own, which lives on when this one has ended,
 * and waits until it says that it is ready, or what is wrong. The passphrase goes through a pipe, where nobody sees it.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fail } from '../errors.ts';
import { passphraseFor } from '../jobs/access.ts';
import { type JobEvent, reportedFailure } from '../jobs/job.ts';
import type { Session } from './session.ts';

/** Starts `strata` with these words and returns the event by which it says that it is ready. */
export async function startInBackground<Ready extends JobEvent['event']>(
  session: Session,
  words: readonly string[],
  ready: Ready,
): Promise<Extract<JobEvent, { event: Ready }>> {
  const access = session.access();
  const secret = await passphraseFor(access);
  const [, program = ''] = process.argv;
  const password = secret === null ? [] : ['--password-file', '/dev/stdin'];
  const line = [program, ...words, '--json', '--repo', access.location, ...password];
  const env = { ...process.env };
  delete env.STRATA_PASSWORD;
  delete env.STRATA_PASSWORD_FILE;
  const child = spawn(process.execPath, line, { env, detached: true, stdio: ['pipe', 'pipe', 'ignore'] });
  child.stdin.on('error', () => undefined); // it ended, and says why
  child.stdin.end(secret ?? '');
  const ended = once(child, 'exit');
  for await (const text of createInterface({ input: child.stdout })) {
    const event = JSON.parse(text) as JobEvent;
    if (event.event === 'warning') session.warn(event.message);
    if (event.event === 'error') throw reportedFailure(event);
    if (event.event !== ready) continue;
    child.stdout.destroy();
    child.unref();
    return event as Extract<JobEvent, { event: Ready }>;
  }
  const [code] = await ended;
  throw fail('BACKGROUND_ENDED', { what: words[0] ?? '', code: String(code) });
}
