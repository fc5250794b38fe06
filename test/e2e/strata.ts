/** Runs the real `./strata` as a person or a script would, in a folder of its own that goes away afterwards. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { mkdtemp, readdir, readFile, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';

export const checkout = fileURLToPath(new URL('../..', import.meta.url));
export const passphrase = 'correct horse battery staple';

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Settings {
  readonly env?: Readonly<Record<string, string>>;
  /** What comes on standard input; nothing by default. */
  readonly input?: string | Uint8Array;
}

// biome-ignore lint/suspicious/noExplicitAny: what is read is looked at by the test
export type Json = any;

/** A folder for a test file, with its own cache, and what can be run in it. */
export interface Bench {
  readonly folder: string;
  path(name: string): string;
  /** Runs `strata` until its end. */
  strata(words: readonly string[], settings?: Settings): Promise<Outcome>;
  /** Runs `strata`, fails unless it ends with `code`, and reads the one document that it prints. */
  document(words: readonly string[], settings?: Settings & { code?: number }): Promise<Json>;
  /** Runs `strata`, fails unless it ends with `code`, and reads the events that it prints. */
  events(words: readonly string[], settings?: Settings & { code?: number }): Promise<Json[]>;
  /** Starts `strata` with an open standard input. */
  start(words: readonly string[], settings?: Settings): Running;
  /** Starts another program, of which `strata` is an argument, with an open standard input. */
  startProgram(program: readonly string[], words: readonly string[], settings?: Settings): Running;
  /** Starts `strata` on a terminal 100 columns wide; what it prints and what it says come together. */
  onTerminal(words: readonly string[], settings?: Settings): Running;
}

/** Makes the folder of a test file. Every `strata` gets the passphrase, when one is named. */
export async function openBench(password = '', place = tmpdir()): Promise<Bench> {
  const folder = await mkdtemp(join(place, 'strata-e2e-'));
  afterAll(() => rm(folder, { recursive: true, force: true }));
  const program = join(checkout, 'strata');
  const environment = {
    PATH: process.env.PATH,
    HOME: folder,
    // Mounts and drives of the test are nobody else's.
    STRATA_RUNTIME_DIR: join(folder, 'run'),
    STRATA_SNAPSHOT_DIR: join(folder, 'snapshots'),
    STRATA_PASSWORD: password,
    // Compiled once for all tests.
    NODE_COMPILE_CACHE: join(checkout, 'dist/.compiled'),
    ...(process.env.STRATA_NODE ? { STRATA_NODE: process.env.STRATA_NODE } : {}),
  };

  const startProgram = (
    [command = '', ...first]: readonly string[],
    words: readonly string[],
    { env = {} }: Settings = {},
  ) => new Running(spawn(command, [...first, ...words], { cwd: folder, env: { ...environment, ...env } }));
  const start = (words: readonly string[], settings: Settings = {}) => startProgram([program], words, settings);
  const onTerminal = (words: readonly string[], { env = {} }: Settings = {}) => {
    const line = [program, ...words].map((word) => `'${word}'`).join(' ');
    const options = { cwd: folder, env: { ...environment, TERM: 'xterm', ...env } };
    return new Running(spawn('script', ['-qec', `stty cols 100; ${line}`, '/dev/null'], options));
  };
  const strata = async (words: readonly string[], settings: Settings = {}) => {
    const running = start(words, settings);
    running.end(settings.input);
    return running.outcome;
  };
  const successful = async (words: readonly string[], settings: Settings & { code?: number }) => {
    const { code, stdout, stderr } = await strata([...words, '--json'], settings);
    if (code !== (settings.code ?? 0)) throw new Error(`strata ${words.join(' ')} ended with ${code}: ${stderr}`);
    return stdout;
  };
  return {
    folder,
    path: (name) => join(folder, name),
    strata,
    document: async (words, settings = {}) => JSON.parse(await successful(words, settings)),
    events: async (words, settings = {}) => parseLines(await successful(words, settings)),
    start,
    startProgram,
    onTerminal,
  };
}

/** A `strata` that is at work. */
export class Running {
  readonly outcome: Promise<Outcome>;
  readonly #child: ChildProcessWithoutNullStreams;
  /** Settles when there is more output, or no more to come. */
  #news = Promise.withResolvers<void>();
  #stdout = '';
  #stderr = '';

  constructor(child: ChildProcessWithoutNullStreams) {
    this.#child = child;
    // It may end before it has read all that comes; its exit code tells then.
    child.stdin.on('error', () => undefined);
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      this.#stdout += chunk;
      this.#tell();
    });
    child.stdout.on('close', () => this.#tell());
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      this.#stderr += chunk;
    });
    this.outcome = once(child, 'close').then(([code]) => ({ code, stdout: this.#stdout, stderr: this.#stderr }));
  }

  /** Puts something on its standard input. */
  write(input: string | Uint8Array): void {
    this.#child.stdin.write(input);
  }

  /** Closes its standard input. */
  end(input: string | Uint8Array = ''): void {
    this.#child.stdin.end(input);
  }

  /** Goes away like the `head` of `strata points | head`. */
  closeOutput(): void {
    this.#child.stdout.destroy();
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Waits for the first event that passes; fails when it ends without. */
  event(wanted: (event: Json) => boolean): Promise<Json> {
    return this.#find((stdout) => parseLines(stdout.slice(0, stdout.lastIndexOf('\n') + 1)).find(wanted));
  }

  /** Waits until it has printed a text; fails when it ends without. */
  async printed(text: string): Promise<void> {
    await this.#find((stdout) => stdout.includes(text) || undefined);
  }

  async #find<Found>(look: (stdout: string) => Found | undefined): Promise<Found> {
    for (;;) {
      const found = look(this.#stdout);
      if (found !== undefined) return found;
      if (this.#child.stdout.closed) throw new Error(`ended too early: ${this.#stdout}${this.#stderr}`);
      await this.#news.promise;
    }
  }

  #tell(): void {
    this.#news.resolve();
    this.#news = Promise.withResolvers();
  }
}

/** The objects of JSON lines. */
export function parseLines(lines: string): Json[] {
  return lines
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

/** A digest of a file's, or a device's, content. */
export async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20 })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** A digest of a folder: names, kinds and contents of all that is in it. */
export async function treeDigest(folder: string): Promise<string> {
  const hash = createHash('sha256');
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const names = entries.map((entry) => ({ entry, path: join(entry.parentPath, entry.name) }));
  for (const { entry, path } of names.sort((a, b) => (a.path < b.path ? -1 : 1))) {
    hash.update(`${path}\0`);
    if (entry.isFile()) hash.update(await readFile(path));
    else if (entry.isSymbolicLink()) hash.update(await readlink(path));
  }
  return hash.digest('hex');
}
