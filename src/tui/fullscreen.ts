/**
 * The terminal as a whole: another screen while the program runs, and everything as it was afterwards, whatever ends it. Only
 * `kill -9` leaves no time for that; `reset` is the way out then.
 */
import { type Instance, render } from 'ink';
import type { ReactElement } from 'react';

/** Frames a second, at most. */
const framesPerSecond = 12;

const enterScreen = '\u001b[?1049h\u001b[2J\u001b[H\u001b[?25l';
const leaveScreen = '\u001b[?25h\u001b[?1049l';

export interface Terminal {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
}

export class Fullscreen {
  readonly #terminal: Terminal;
  #ink: Instance | undefined;
  #draw: (() => ReactElement) | undefined;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  /** Shows what `draw` makes until `close`. */
  async show(draw: () => ReactElement): Promise<void> {
    this.#draw = draw;
    const { stdin, stdout } = this.#terminal;
    this.#ink = render(draw(), {
      stdin,
      stdout,
      alternateScreen: true,
      incrementalRendering: true,
      maxFps: framesPerSecond,
      exitOnCtrlC: false,
      patchConsole: false,
      // `CI` in the environment would keep it from drawing; that this is a terminal is known.
      interactive: true,
      isScreenReaderEnabled: false,
    });
    await this.#ink.waitUntilExit();
  }

  close(): void {
    this.#ink?.unmount();
  }

  /** Gives the terminal back until the shell brings this program to the front again. */
  suspend(): void {
    const { stdin, stdout } = this.#terminal;
    if (this.#ink === undefined || this.#draw === undefined) return;
    const draw = this.#draw;
    process.once('SIGCONT', () => {
      stdin.setRawMode(true);
      stdout.write(enterScreen);
      // All of it is drawn anew: what stood here is gone.
      this.#ink?.clear();
      this.#ink?.rerender(draw());
    });
    stdin.setRawMode(false);
    stdout.write(leaveScreen);
    process.kill(process.pid, 'SIGTSTP');
  }
}
