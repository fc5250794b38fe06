/** Mounts for the tests, each served by a process of its own, and what reads them: also other processes. */
import { type ChildProcessWithoutNullStreams, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { lstat, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll } from 'vitest';
import { fuse } from '../../src/mount/drivers/fuse.ts';
import { fuseNative } from '../../src/mount/drivers/fuse-native.ts';
import { readMounts } from '../../src/repository/mounts.ts';
import { type Bench, type Json, parseLines, type Running } from '../e2e/strata.ts';

export type DriverName = 'fuse' | 'fuse-native';

const run = promisify(execFile);
/** Debian's own; its package is there, as the native build needs it. */
const python = '/usr/bin/python3';
const script = fileURLToPath(new URL('syscalls.py', import.meta.url));
/** Lists of attributes and failures may be long. */
const maxBuffer = 64 * 1024 ** 2;

/** The drivers, each with why its tests cannot run here, or an empty text. Says so once. */
export async function findDrivers(file: string): Promise<{ driver: DriverName; trouble: string }[]> {
  const found = [];
  for (const { name, whyNot } of [fuse, fuseNative]) {
    const trouble = (await whyNot()) ?? '';
    if (trouble !== '') console.warn(`${file}: tests of driver ${name} are skipped: ${trouble}`);
    found.push({ driver: name, trouble });
  }
  return found;
}

/** Runs a command of syscalls.py; fails when it does. */
export async function syscall(command: string, ...words: readonly (string | number)[]): Promise<Json> {
  const { stdout } = await run(python, [script, command, ...words.map(String)], { maxBuffer });
  return JSON.parse(stdout);
}

/** A mount of a repository. */
export interface Mount {
  readonly directory: string;
  readonly server: Running;
  /** A path in it. */
  path(...names: string[]): string;
  /** Ends the server as a user does, which must end with `code`, and gives what it says about its mount. */
  end(code?: number): Promise<Json>;
}

/** Makes mounts below the folder of a bench. Whatever a test leaves is gone before the folder is removed. */
export class Mounts {
  readonly #bench: Bench;
  readonly #servers: Running[] = [];
  #last = 0;

  constructor(bench: Bench) {
    this.#bench = bench;
    afterAll(() => this.#clear());
  }

  /** A new folder to mount at. */
  async folder(name = `mount-${++this.#last}`): Promise<string> {
    const directory = this.#bench.path(name);
    await mkdir(directory);
    return directory;
  }

  /** Mounts a repository, and waits until it can be used. */
  async start(driver: DriverName, repo: string, words: readonly string[] = [], at?: string): Promise<Mount> {
    const directory = at ?? (await this.folder());
    const line = ['mount', directory, '--foreground', '--driver', driver, '--repo', repo, '--json', ...words];
    const server = this.#bench.start(line);
    this.#servers.push(server);
    server.end();
    await server.event(({ event }) => event === 'mounted');
    return {
      directory,
      server,
      path: (...names) => join(directory, ...names),
      end: async (expected = 0) => {
        server.kill('SIGTERM');
        const { code, stdout, stderr } = await server.outcome;
        if (code !== expected) throw new Error(`the server ended with ${code}: ${stderr.slice(-1000)}`);
        return parseLines(stdout).at(-1);
      },
    };
  }

  async #clear(): Promise<void> {
    for (const server of this.#servers) {
      server.kill('SIGKILL');
      await server.outcome;
    }
    await unmountBelow(this.#bench.folder);
  }
}

/** Takes away all mounts below a folder, whoever uses them. Their servers are dead: nobody hangs. */
export async function unmountBelow(folder: string): Promise<void> {
  for (const at of (await mountedBelow(folder)).reverse()) await run('umount', ['--lazy', at]);
}

/** Where something is mounted below a folder, or at it. */
export async function mountedBelow(folder: string): Promise<string[]> {
  return (await readMounts()).map(({ at }) => at).filter((at) => at === folder || at.startsWith(`${folder}/`));
}

/** The device number of a mount, as /proc tells it. */
export async function deviceOf(directory: string): Promise<string> {
  return (await readMounts()).findLast(({ at }) => at === directory)?.device ?? '';
}

/** All paths below a folder, from there, sorted. */
export async function walk(folder: string, within = ''): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(join(folder, within), { withFileTypes: true })) {
    const path = join(within, entry.name);
    found.push(path);
    if (entry.isDirectory()) found.push(...(await walk(folder, path)));
  }
  return found.sort();
}

/** Inode numbers of all below a folder, by path. */
export async function inodes(folder: string): Promise<Map<string, bigint>> {
  const found = new Map<string, bigint>();
  for (const path of await walk(folder)) {
    const { ino } = await lstat(join(folder, path), { bigint: true });
    found.set(path, BigInt.asUintN(64, ino));
  }
  return found;
}

/** Another process that has a file open. */
export class Holder {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;

  private constructor(child: ChildProcessWithoutNullStreams) {
    this.#child = child;
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  static async open(path: string): Promise<Holder> {
    const holder = new Holder(spawn(python, [script, 'hold', path]));
    if ((await holder.#line()) !== 'open') throw new Error(`${path} could not be opened`);
    return holder;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** What it reads, in hex, or the error that it gets. */
  async read(offset: number, length: number): Promise<string> {
    this.#child.stdin.write(`${offset} ${length}\n`);
    return this.#line();
  }

  /** How long the file is, or the error that it gets. */
  async size(): Promise<string> {
    this.#child.stdin.write('size\n');
    return this.#line();
  }

  /** Closes the file. */
  async close(): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.#child.stdin.end();
    await ended;
  }

  async #line(): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error('the holder ended');
    return value;
  }
}
