/**
 * Shows how far a long action is, on standard error: on a terminal one line that is drawn again, elsewhere a line
 * every ten seconds. It is driven by the events alone; nothing is drawn between two of them.
 */
import { progressLine, progressText } from './progress-line.ts';

export interface ProgressOutput {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  write(text: string): unknown;
}

const redrawEvery = 100;
const lineEvery = 10_000;
const clearLine = '\r\u001b[K';

export class Progress {
  readonly #output: ProgressOutput;
  readonly #now: () => number;
  #started: number;
  #shown: number | undefined;
  #drawn = false;

  /** `now` gives milliseconds, of any origin. */
  constructor(output: ProgressOutput, now: () => number = () => performance.now()) {
    this.#output = output;
    this.#now = now;
    this.#started = now();
  }

  /** A new stretch of work: rate and time left count from here. */
  restart(): void {
    this.#started = this.#now();
  }

  update(label: string, done: number, total: number | undefined, left?: number): void {
    const now = this.#now();
    const terminal = this.#output.isTTY === true;
    const last = this.#shown ?? (terminal ? Number.NEGATIVE_INFINITY : this.#started);
    if (now - last < (terminal ? redrawEvery : lineEvery)) return;
    this.#shown = now;
    const state = { label, done, total, seconds: (now - this.#started) / 1000, left };
    if (terminal) {
      this.#output.write(clearLine + progressLine(state, this.#output.columns || 80));
      this.#drawn = true;
    } else {
      this.#output.write(`${progressText(state)}\n`);
    }
  }

  /** Takes the line off the terminal, so that something else can be written; the next update draws it again. */
  clear(): void {
    if (!this.#drawn) return;
    this.#output.write(clearLine);
    this.#drawn = false;
    this.#shown = undefined;
  }
}
