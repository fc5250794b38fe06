/** Runs one command and measures it from outside: wall clock here, processor time and peak memory by GNU time. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { freemem, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';

export interface Cost {
  /** Seconds. */
  readonly wall: number;
  /** Seconds, user and system, of all its threads and children. */
  readonly cpu: number;
  /** Bytes: the largest resident set of the command or one of its children. */
  readonly peak: number;
}

const checkout = fileURLToPath(new URL('..', import.meta.url));

/** Environment of every command: repositories, passphrases and caches of all tools lie in the working folder. */
function environment(work: string): NodeJS.ProcessEnv {
  return {
    ...process.env,
    PATH: [checkout, process.env.PATH, '/usr/sbin', '/sbin'].join(delimiter),
    STRATA_REPO: join(work, 'strata'),
    STRATA_PASSWORD: 'bench',
    RESTIC_REPOSITORY: join(work, 'restic'),
    RESTIC_PASSWORD: 'bench',
    RESTIC_CACHE_DIR: join(work, 'restic-cache'),
    BORG_REPO: join(work, 'borg'),
    BORG_PASSPHRASE: 'bench',
    BORG_BASE_DIR: join(work, 'borg-home'),
    XDG_CACHE_HOME: join(work, 'cache'),
    STRATA_RUNTIME_DIR: join(work, 'runtime'),
  };
}

/** Runs a shell command in the working folder, unmeasured; returns what it printed. */
export function run(work: string, command: string): string {
  return spawn(work, command, 'sh', ['-ec', command]);
}

/**
 * Runs a shell command in the working folder, with nothing left to be written back from before, and the files and
 * folders `read` in the page cache.
 */
export function measure(work: string, command: string, read: readonly string[] = []): Cost {
  run(work, 'sync');
  touchMemory(work);
  for (const path of read) run(work, `find '${path}' -type f -exec cat {} + >/dev/null`);
  const report = join(work, 'time');
  const started = performance.now();
  spawn(work, command, 'time', ['-f', '%U %S %M', '-o', report, 'sh', '-ec', command]);
  const wall = (performance.now() - started) / 1000;
  const [user = Number.NaN, system = Number.NaN, kibibytes = Number.NaN] = readFileSync(report, 'utf8')
    .split(' ')
    .map(Number);
  return { wall, cpu: user + system, peak: kibibytes * 1024 };
}

/**
 * Uses as much memory as a command may need, and frees it. A virtual machine's host gives it pages that it has not
 * used lately only when they are touched; measured, that alone made one and the same restore take 1.2 s or 5.4 s. The same
 * holds for pages of the page cache, so what a command reads is read once more right before it.
 */
function touchMemory(work: string): void {
  const bytes = Math.min(freemem() / 2, 6 * 2 ** 30);
  run(work, `head -c ${Math.floor(bytes)} /dev/zero >/dev/shm/strata-bench; rm /dev/shm/strata-bench`);
}

function spawn(work: string, command: string, program: string, args: readonly string[]): string {
  const options = { cwd: work, env: environment(work), encoding: 'utf8', maxBuffer: 2 ** 28 } as const;
  const result = spawnSync(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  if (result.error) throw result.error;
  if (result.status !== 0)
    throw new Error(`${command}: ended with ${result.signal ?? result.status}\n${result.stderr}`);
  return result.stdout;
}

/** Bytes of a file, or of all files below a folder; 0 when there is nothing. */
export function bytesOf(path: string): number {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found?.isDirectory()) return found?.size ?? 0;
  return readdirSync(path).reduce((sum, name) => sum + bytesOf(join(path, name)), 0);
}

/** Gives `action` a working folder that is gone afterwards. */
export function withWorkFolder<Result>(action: (work: string) => Result): Result {
  const work = mkdtempSync(join(tmpdir(), 'strata-bench-'));
  const clear = () => rmSync(work, { recursive: true, force: true });
  let result: Result;
  try {
    result = action(work);
  } catch (error) {
    clear();
    throw error;
  }
  if (result instanceof Promise) return result.finally(clear) as Result;
  clear();
  return result;
}
