/** A person at a terminal: tmux with a server of its own, keys that are sent, a screen that is looked at until it shows something. */
import { randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { run } from './images.ts';

/** Milliseconds; machines that test many things at once are slow. */
const patience = 45_000;

export interface TerminalWish {
  readonly columns: number;
  readonly rows: number;
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
}

export class Tmux {
  readonly #server: string;

  private constructor(server: string) {
    this.#server = server;
  }

  /** Opens a terminal with a shell in it, which has these variables and no others. */
  static async open({ columns, rows, folder, env }: TerminalWish): Promise<Tmux> {
    const tmux = new Tmux(`strata-${randomBytes(4).toString('hex')}`);
    const variables = Object.entries({
      PATH: process.env.PATH ?? '',
      TERM: 'screen-256color',
      LANG: 'C.UTF-8',
      PS1: 'shell> ',
      ...env,
    });
    const shell = ['env', '-i', ...variables.map(([name, value]) => `${name}=${value}`), 'sh'];
    const size = ['-x', String(columns), '-y', String(rows)];
    await tmux.#tmux('-f', '/dev/null', 'new-session', '-d', ...size, '-c', folder, ...shell);
    await tmux.#tmux('set-option', '-g', 'status', 'off');
    await tmux.#tmux('set-option', '-g', 'escape-time', '0');
    await tmux.shows('shell>');
    return tmux;
  }

  /** Sends keys by tmux's names, or texts as they stand. */
  async keys(...keys: readonly string[]): Promise<void> {
    await this.#tmux('send-keys', ...keys);
  }

  /** Types a line of the shell. */
  async line(text: string): Promise<void> {
    await this.#andSee(() => this.#tmux('send-keys', '-l', text));
    await this.enter();
  }

  /** Enter. What follows must not come together with it: Ink would take both for one text. */
  async enter(): Promise<void> {
    await this.#andSee(() => this.keys('Enter'));
  }

  /** Does something, and waits a while for the screen to show that. */
  async #andSee(act: () => Promise<unknown>): Promise<void> {
    const before = await this.screen();
    await act();
    for (const end = Date.now() + 2000; Date.now() < end && (await this.screen()) === before; ) await wait(20);
  }

  async screen(): Promise<string> {
    return this.#tmux('capture-pane', '-p');
  }

  /** Waits until the screen shows a text, and gives the screen. */
  async shows(wanted: string | RegExp): Promise<string> {
    const end = Date.now() + patience;
    for (;;) {
      const screen = await this.screen();
      if (typeof wanted === 'string' ? screen.includes(wanted) : wanted.test(screen)) return screen;
      if (Date.now() > end) throw new Error(`the screen never showed ${wanted}:\n${screen}`);
      await wait(50);
    }
  }

  async resize(columns: number, rows: number): Promise<void> {
    await this.#tmux('resize-window', '-x', String(columns), '-y', String(rows));
  }

  /** What tmux knows of the terminal: `cursor_flag`, `alternate_on` … */
  async tells(name: string): Promise<string> {
    return (await this.#tmux('display-message', '-p', `#{${name}}`)).trim();
  }

  async close(): Promise<void> {
    await this.#tmux('kill-server').catch(() => undefined);
  }

  async #tmux(...words: readonly string[]): Promise<string> {
    return (await run('tmux', ['-L', this.#server, ...words])).stdout;
  }
}
