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
  const path = `${process.env.PATH ?? ''}:/usr/sbin:/sbin`;
  // Not in our group: an interrupt from the terminal is for us to act on, and what thaws must run all the same.
  const child = spawn(program, words, {
    env: { ...process.env, PATH: path, LC_ALL: 'C', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
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
      // The last line of dmsetup says nothing.
      const lines = output.stderr.split('\n').map((line) => line.trim());
      const said = lines.filter((line) => line !== '' && line !== 'Command failed.').at(-1) ?? '';
      end(code, said || (signal === null ? `it ended with ${code}` : `it was ended by ${signal}`));
    });
  });
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
