/**
 * A terminal for tests: Ink writes to it as to a real one, a real emulator (@xterm/headless) says what a person would see.
 */
import { PassThrough, Writable } from 'node:stream';
import xterm from '@xterm/headless';
import { createElement } from 'react';
import { App } from '../../../src/tui/app.ts';
import type { Typed } from '../../../src/tui/commands/input.ts';
import { Fullscreen } from '../../../src/tui/fullscreen.ts';
import type { State } from '../../../src/tui/state/state.ts';
import { Store } from '../../../src/tui/state/store.ts';
import { glyphsNamed } from '../../../src/tui/view/glyphs.ts';
import { painter } from '../../../src/tui/view/theme.ts';

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

export interface Wish extends Size {
  readonly signs?: keyof typeof glyphsNamed;
  readonly colours?: boolean;
}

class FakeOutput extends Writable {
  readonly isTTY = true;
  readonly emulator: xterm.Terminal;
  columns: number;
  rows: number;
  /** All that was written. */
  written = '';

  constructor({ columns, rows }: Size) {
    super({ decodeStrings: false });
    this.columns = columns;
    this.rows = rows;
    this.emulator = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true, convertEol: true });
  }

  override _write(chunk: string | Buffer, _encoding: BufferEncoding, done: () => void): void {
    const text = chunk.toString();
    this.written += text;
    this.emulator.write(text, done);
  }

  resize({ columns, rows }: Size): void {
    this.columns = columns;
    this.rows = rows;
    this.emulator.resize(columns, rows);
    this.emit('resize');
  }
}

class FakeInput extends PassThrough {
  readonly isTTY = true;
  isRaw = false;

  setRawMode(raw: boolean): this {
    this.isRaw = raw;
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }
}

export class TestTerminal {
  readonly output: FakeOutput;
  readonly input = new FakeInput();
  readonly store: Store;
  readonly #screen: Fullscreen;
  readonly #ended: Promise<void>;

  constructor(
    state: State,
    { signs = 'unicode', colours = true, ...size }: Wish,
    onKey: (typed: Typed) => void = () => {},
  ) {
    this.output = new FakeOutput(size);
    this.store = new Store({ ...state, size });
    const terminal = { stdin: this.input, stdout: this.output } as unknown as NodeJS.Process;
    this.#screen = new Fullscreen(terminal);
    const props = { store: this.store, glyphs: glyphsNamed[signs], paint: painter(colours), onKey };
    this.#ended = this.#screen.show(() => createElement(App, props));
  }

  /** The rows of the screen, without blanks at their ends. */
  rows(): string[] {
    const { buffer, rows } = this.output.emulator;
    return Array.from(
      { length: rows },
      (_, row) => buffer.active.getLine(row + buffer.active.viewportY)?.translateToString(true) ?? '',
    );
  }

  text(): string {
    return this.rows().join('\n');
  }

  /** Waits until the screen passes, and gives it. */
  async until(wanted: (text: string) => boolean, what: string): Promise<string> {
    const end = Date.now() + 20_000;
    for (;;) {
      const text = this.text();
      if (wanted(text)) return text;
      if (Date.now() > end) throw new Error(`the screen never showed ${what}:\n${text}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  shows(text: string): Promise<string> {
    return this.until((shown) => shown.includes(text), text);
  }

  press(keys: string): void {
    this.input.write(keys);
  }

  async close(): Promise<void> {
    this.#screen.close();
    await this.#ended;
  }
}
