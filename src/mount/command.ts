/** Runs tools of the system: losetup, mount, umount, fusermount3. */
import { spawn } from 'node:child_process';
import { fail } from '../errors.ts';
import { commandOf, processIds, procText } from './processes.ts';
import { until } from './until.ts';

const packages = { losetup: 'mount', mount: 'mount', umount: 'mount', fusermount3: 'fuse3' } as const;

export type Tool = keyof typeof packages;

export interface Answer {
  readonly code: number;
  readonly stdout: string;
  /** One line, in English. */
  readonly trouble: string;
}

export interface RunOptions {
  /** Id of the record that the command is for: by this mark it is found when it outlives the process that started it. */
  readonly record: string;
  /** Milliseconds after which it is given up: what hangs in the kernel cannot even be killed. */
  readonly limit?: number;
}

const mark = 'STRATA_RECORD';
/** Commands end within milliseconds, unless the kernel waits for a server that does not answer. */
const patience = 10_000;

/** Runs a tool until its end; NO_ANSWER when that does not come within the limit. */
export function run(tool: Tool, words: readonly string[], { record, limit }: RunOptions): Promise<Answer> {
  const env = { ...process.env, PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin`, LC_ALL: 'C', [mark]: record };
  // Not in our group: an interrupt from the terminal is for us to act on, when the command has ended.
  const child = spawn(tool, words, { env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  return new Promise((resolve, reject) => {
    const output = { stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output.stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      output.stderr += text;
    });
    const giveUp = () => {
      child.kill('SIGKILL');
      child.stdout.destroy();
      child.stderr.destroy();
      child.unref();
      reject(fail('NO_ANSWER', { what: `${tool} ${words.join(' ')}`, seconds: (limit ?? 0) / 1000 }));
    };
    const timer = limit === undefined ? undefined : setTimeout(giveUp, limit);
    child.on('error', (cause) => {
      clearTimeout(timer);
      reject(fail('TOOL_MISSING', { tool, package: packages[tool] }, { cause }));
    });
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ code: code ?? -1, stdout: output.stdout, trouble: firstTrouble(output.stderr) });
    });
  });
}

/**
 * Waits for the commands that a killed process had started for a record: what they still do must be done before it is
 * undone. NO_ANSWER when they do not end.
 */
export async function commandsEnded(record: string): Promise<void> {
  const none = async () => {
    for (const pid of await processIds()) {
      if (await isCommandFor(pid, record)) return false;
    }
    return true;
  };
  if (!(await until(none, patience))) {
    throw fail('NO_ANSWER', { what: `a command started for ${record}`, seconds: patience / 1000 });
  }
}

/** By its name too: a file system's own server, which `mount` may leave running, inherits the mark. */
async function isCommandFor(pid: number, record: string): Promise<boolean> {
  const environment = (await procText(pid, 'environ'))?.split('\0') ?? [];
  return environment.includes(`${mark}=${record}`) && (await commandOf(pid)) in packages;
}

/** `mount: /mnt: wrong fs type …` and a hint to dmesg: what went wrong stands in the first line. */
function firstTrouble(stderr: string): string {
  return (stderr.trim().split('\n', 1)[0] ?? '').replace(/^\w+: /, '');
}
