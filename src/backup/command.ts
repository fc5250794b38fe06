/** Runs commands of the system and hooks of the user: each in a group of its own, which goes as a whole at its limit. */
import { spawn } from 'node:child_process';

export interface Ended {
  /** Null when it did not end by itself. */
  readonly code: number | null;
  readonly stdout: string;
  /** The last line of what it complained of, or why it did not end well. */
  readonly trouble: string;
}

export interface CommandOptions {
  /** Milliseconds after which it is killed. */
  readonly limit: number;
  readonly env?: Readonly<Record<string, string>>;
  /** Of its output the last so many characters are kept; default 65,536. */
  readonly mostOutput?: number;
}

/** Runs a program to its end; never throws. */
export function runCommand(
  program: string,
  words: readonly string[],
  { limit, env = {}, mostOutput = 65_536 }: CommandOptions,
): Promise<Ended> {
  const child = start(program, words, env);
  return new Promise((resolve) => {
    const output = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (text: string) => {
        output[name] = (output[name] + text).slice(-mostOutput);
      });
    }
    const end = (code: number | null, trouble: string) => {
      clearTimeout(timer);
      resolve({ code, stdout: output.stdout, trouble });
    };
    const timer = setTimeout(() => {
      killGroup(child.pid);
      // Something of it may live on in another group, and hold these open.
      child.stdout.destroy();
      child.stderr.destroy();
      end(null, `it did not end within ${limit / 1000} s`);
    }, limit);
    child.on('error', ({ message }) => end(null, message));
    child.on('close', (code, signal) => {
      end(code, lastSaid(output.stderr) || endOf(code, signal));
    });
  });
}

/**
 * Runs a program to its end and hands on what it prints, piece by piece. It is killed when nothing came for `limit`
 * milliseconds, and when the signal comes. Throws only what `take` threw: then it is killed, too.
 */
export function readCommand(
  program: string,
  words: readonly string[],
  { limit, signal }: { readonly limit: number; readonly signal: AbortSignal },
  take: (piece: Buffer) => void,
): Promise<Omit<Ended, 'stdout'>> {
  const child = start(program, words, {});
  return new Promise((resolve, reject) => {
    let said = '';
    const stop = (then: () => void) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', interrupt);
      killGroup(child.pid);
      child.stdout.destroy();
      child.stderr.destroy();
      then();
    };
    const interrupt = () => stop(() => resolve({ code: null, trouble: 'it was interrupted' }));
    const timer = setTimeout(() => {
      stop(() => resolve({ code: null, trouble: `nothing came of it for ${limit / 1000} s` }));
    }, limit);
    if (signal.aborted) interrupt();
    signal.addEventListener('abort', interrupt);
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-65_536);
    });
    child.stdout.on('data', (piece: Buffer) => {
      timer.refresh();
      try {
        take(piece);
      } catch (error) {
        stop(() => reject(error));
      }
    });
    child.on('error', ({ message }) => stop(() => resolve({ code: null, trouble: message })));
    child.on('close', (code, end) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', interrupt);
      resolve({ code, trouble: lastSaid(said) || endOf(code, end) });
    });
  });
}

function start(program: string, words: readonly string[], env: Readonly<Record<string, string>>) {
  const path = `${process.env.PATH ?? ''}:/usr/sbin:/sbin`;
  // Not in our group: an interrupt from the terminal is for us to act on, and what thaws must run all the same.
  return spawn(program, words, {
    env: { ...process.env, PATH: path, LC_ALL: 'C', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
}

/** The last line that says something: those of dmsetup and zfs do not, nor does how zfs is to be used. */
function lastSaid(text: string): string {
  const lines = text
    .split(/\nusage:\n/, 1)
    .join('')
    .split('\n')
    .map((line) => line.trim());
  const idle = ['', 'Command failed.', 'no snapshots were created'];
  return lines.filter((line) => !idle.includes(line)).at(-1) ?? '';
}

function endOf(code: number | null, signal: NodeJS.Signals | null): string {
  return signal === null ? `it ended with ${code}` : `it was ended by ${signal}`;
}

/** Kills a process started in a group of its own, with all of that; it may be gone. */
export function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
