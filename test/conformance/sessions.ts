/** A driver's session without a repository, in a process of its own (session-child.ts), and what it tells. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, expect } from 'vitest';
import type { Bench, Json } from '../e2e/strata.ts';
import { type DriverName, mountedBelow, syscall, unmountBelow } from './mounts.ts';

const script = fileURLToPath(new URL('session-child.ts', import.meta.url));

export interface SessionServer {
  path(name: string): string;
  say(line: string): void;
  counters(): Promise<Json>;
  /** How often an image was asked for. */
  asked(image: number): number;
  /** Has the kernel ask for a file's bytes again. */
  forgetCache(path: string): Promise<void>;
  /** Stops it, and waits for its end. */
  stop(): Promise<void>;
}

/** Makes sessions below the folder of a bench. Whatever a test leaves is gone before the folder is removed. */
export class Sessions {
  readonly #bench: Bench;
  readonly #servers: { readonly child: ChildProcess; readonly ended: Promise<unknown> }[] = [];
  #last = 0;

  constructor(bench: Bench) {
    this.#bench = bench;
    afterAll(async () => {
      for (const { child, ended } of this.#servers) {
        child.kill('SIGKILL');
        await ended;
      }
      await unmountBelow(this.#bench.folder);
    });
  }

  async start(driver: DriverName): Promise<SessionServer> {
    const folder = this.#bench.path(`session-${++this.#last}`);
    await mkdir(join(folder, 'mount'), { recursive: true });
    const child = spawn(process.execPath, [script, driver, folder], { stdio: ['pipe', 'pipe', 'inherit'] });
    const ended = once(child, 'exit');
    this.#servers.push({ child, ended });
    const events: Json[] = [];
    let news = Promise.withResolvers<void>();
    createInterface({ input: child.stdout }).on('line', (line) => {
      events.push(JSON.parse(line));
      news.resolve();
      news = Promise.withResolvers();
    });
    const next = async (name: string, from: number): Promise<Json> => {
      for (;;) {
        const found = events.slice(from).find(({ event }) => event === name);
        if (found !== undefined) return found;
        if ((await Promise.race([news.promise, ended])) !== undefined) throw new Error('the session ended');
      }
    };
    const say = (line: string) => child.stdin.write(`${line}\n`);
    await next('ready', 0);
    return {
      path: (name) => join(folder, 'mount', name),
      say,
      counters: async () => {
        const from = events.length;
        say('counters');
        return next('counters', from);
      },
      asked: (image) => events.filter((event) => event.event === 'prepare' && event.image === image).length,
      forgetCache: async (path) => {
        await syscall('forget', path);
      },
      stop: async () => {
        say('stop');
        expect(await ended).toEqual([0, null]);
        expect(await mountedBelow(folder)).toEqual([]);
      },
    };
  }
}
