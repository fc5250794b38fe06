/** A program on a real terminal of a given size, by a tmux server of its own: what it shows, and the keys it gets. */
import { execFile, execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import { onTestFinished } from 'vitest';

const run = promisify(execFile);

/** Milliseconds; a machine may be busy. */
const patience = 100_000;
/** Milliseconds between two looks. */
const pause = 40;
const ending = '[it ended with ';

/** Whether this machine has tmux. */
export const hasTmux = canRun();

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

export class Terminal {
  readonly #server: readonly string[];

  private constructor(server: readonly string[]) {
    this.#server = server;
  }

  /** Starts a program in a folder, with this environment and no other, for the running test. */
  static async start(
    folder: string,
    words: readonly string[],
    env: Readonly<Record<string, string>>,
    { columns, rows }: Size,
  ): Promise<Terminal> {
    const place = await mkdtemp(join(tmpdir(), 'strata-tmux-'));
    const configuration = join(place, 'conf');
    await writeFile(configuration, 'set -g remain-on-exit on\nset -g history-limit 5000\nset -sg escape-time 0\n');
    const server = ['-S', join(place, 'socket'), '-f', configuration];
    const given = { TERM: 'screen-256color', LANG: 'C.UTF-8', ...env };
    const variables = Object.entries(given).map(([key, value]) => `${key}=${value}`);
    const size = ['-x', String(columns), '-y', String(rows)];
    // tmux 3.3 misses ends of programs on a busy machine, so the shell tells.
    const line = ['sh', '-c', `"$@"; echo "${ending}$?]"`, 'sh', ...words];
    onTestFinished(() => end(server, place));
    await run('tmux', [...server, 'new-session', '-d', ...size, '-c', folder, 'env', '-i', ...variables, ...line]);
    return new Terminal(server);
  }

  /** All that it shows and showed, without blanks and line breaks: where lines are broken is not looked at. */
  async text(): Promise<string> {
    return blankless(await this.screen());
  }

  /** All that it shows and showed. */
  async screen(): Promise<string> {
    return (await run('tmux', [...this.#server, 'capture-pane', '-p', '-J', '-S', '-'])).stdout;
  }

  /** Waits until it shows a text. */
  async shows(wanted: string): Promise<void> {
    for (const end = Date.now() + patience; ; ) {
      const screen = await this.screen();
      if (blankless(screen).includes(blankless(wanted))) return;
      const ended = statusIn(screen);
      if (ended !== null) throw new Error(`it ended with ${ended} and never showed "${wanted}":\n${screen}`);
      if (Date.now() > end) throw new Error(`it does not show "${wanted}":\n${screen}`);
      await wait(pause);
    }
  }

  /** Keys by tmux's names: `Enter`, `Down`, `C-c`. */
  async press(...keys: readonly string[]): Promise<void> {
    await run('tmux', [...this.#server, 'send-keys', ...keys]);
  }

  async type(text: string): Promise<void> {
    await run('tmux', [...this.#server, 'send-keys', '-l', text]);
  }

  /** Waits for a question of inquirer, then answers it: with a text, and with keys. */
  async answer(question: string, text: string, ...keys: readonly string[]): Promise<void> {
    await this.shows(`? ${question}`);
    if (text !== '') await this.type(text);
    await this.press(...keys, 'Enter');
    await this.shows(`✔ ${question}`);
  }

  /** Goes down a list until it shows a text. */
  async moveTo(wanted: string): Promise<void> {
    for (;;) {
      const before = await this.text();
      if (before.includes(blankless(wanted))) return;
      await this.press('Down');
      while ((await this.text()) === before) await wait(pause);
    }
  }

  /** Waits for its end; the exit code. */
  async end(): Promise<number> {
    for (;;) {
      const status = statusIn(await this.screen());
      if (status !== null) return status;
      await wait(pause);
    }
  }
}

/** The exit code that the shell told; null before the end. */
function statusIn(screen: string): number | null {
  const [, status] = screen.split(ending);
  return status === undefined ? null : Number.parseInt(status, 10);
}

async function end(server: readonly string[], place: string): Promise<void> {
  await run('tmux', [...server, 'kill-server']).catch(() => undefined); // it may not have begun
  await rm(place, { recursive: true, force: true });
}

function blankless(text: string): string {
  return text.replace(/\s+/g, '');
}

function canRun(): boolean {
  try {
    execFileSync('tmux', ['-V'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
