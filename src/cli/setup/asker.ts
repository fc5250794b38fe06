/**
 * How an answer is come by: from an option, by asking on the terminal, or, with --yes, from the default. Each question
 * knows its option, so that whoever cannot be asked is told what to give.
 */
import { isatty } from 'node:tty';
import { fail, isStrataError } from '../../errors.ts';
import { describeFailure } from '../../jobs/job.ts';
import { complain, print } from '../output.ts';
import { wrapped } from './wrap.ts';

export interface Question<Answer> {
  /** The option that answers it: `--source`. */
  readonly option: string;
  readonly given: Answer | undefined;
  /** What --yes answers; undefined: nothing can be assumed. */
  readonly fallback: Answer | undefined;
  readonly ask: () => Promise<Answer>;
}

export interface Choice<Value> {
  readonly value: Value;
  readonly name: string;
  readonly description?: string;
  readonly checked?: boolean;
  /** Why it cannot be chosen. */
  readonly disabled?: string | false;
}

/** Lines of a list that are shown at once: a small terminal must hold them, the question and the description. */
const listed = 7;

export class Asker {
  readonly yes: boolean;
  readonly #signal: AbortSignal;
  readonly #quiet: boolean;

  constructor({ yes, quiet, signal }: { yes: boolean; quiet: boolean; signal: AbortSignal }) {
    // Asked of the descriptors, as where passphrases are asked for.
    if (!yes && !(isatty(0) && isatty(2))) {
      throw fail('USAGE', { problem: 'there is no terminal to ask on: give --yes, and the answers as options' });
    }
    this.yes = yes;
    this.#quiet = quiet;
    this.#signal = signal;
  }

  /** With --yes and --quiet nothing is said beside the result. */
  get isSilent(): boolean {
    return this.#quiet && this.yes;
  }

  /** Says something beside the questions. */
  say(...lines: readonly string[]): void {
    if (this.isSilent) return;
    const { columns } = process.stderr;
    print(process.stderr, columns === undefined ? lines : lines.flatMap((line) => wrapped(line, columns)));
  }

  async answer<Answer>({ option, given, fallback, ask }: Question<Answer>): Promise<Answer> {
    this.#signal.throwIfAborted();
    if (given !== undefined) return given;
    if (!this.yes) return ask();
    if (fallback === undefined)
      throw fail('USAGE', { problem: `--yes has no answer of its own for this: give ${option}` });
    return fallback;
  }

  /** Asks until `attempt` takes the answer; what it refuses is said. A failure that no other answer mends is thrown. */
  async untilTaken<Answer, Taken>(
    ask: () => Promise<Answer>,
    attempt: (answer: Answer) => Promise<Taken>,
  ): Promise<Taken> {
    for (;;) {
      const answer = await ask();
      try {
        return await attempt(answer);
      } catch (error) {
        if (!isStrataError(error) || isStrataError(error, 'INTERRUPTED')) throw error;
        const { message, hint } = describeFailure(error);
        complain('error', message, hint === 'see strata --help' ? undefined : hint);
      }
    }
  }

  async text(
    message: string,
    { fallback, check }: { fallback?: string; check?: (text: string) => true | string } = {},
  ) {
    const { input } = await import('@inquirer/prompts');
    const settings = {
      message,
      ...(fallback === undefined ? {} : { default: fallback }),
      ...(check && { validate: check }),
    };
    return (await this.#asked(input(settings, this.#place))).trim();
  }

  async secret(message: string): Promise<string> {
    const { password } = await import('@inquirer/prompts');
    return this.#asked(password({ message, mask: true }, this.#place));
  }

  async confirm(message: string, fallback: boolean): Promise<boolean> {
    const { confirm } = await import('@inquirer/prompts');
    return this.#asked(confirm({ message, default: fallback }, this.#place));
  }

  async choose<Value>(message: string, choices: readonly Choice<Value>[], fallback?: Value): Promise<Value> {
    const { select } = await import('@inquirer/prompts');
    const settings = { message, choices, pageSize: listed, loop: false };
    return this.#asked(select({ ...settings, ...(fallback === undefined ? {} : { default: fallback }) }, this.#place));
  }

  async chooseSeveral<Value>(message: string, choices: readonly Choice<Value>[]): Promise<Value[]> {
    const { checkbox } = await import('@inquirer/prompts');
    return this.#asked(checkbox({ message, choices, pageSize: listed, loop: false, required: true }, this.#place));
  }

  get #place() {
    return { output: process.stderr, signal: this.#signal };
  }

  async #asked<Answer>(answer: Promise<Answer>): Promise<Answer> {
    try {
      return await answer;
    } catch (error) {
      if (!['ExitPromptError', 'AbortPromptError'].includes((error as Error).name)) throw error;
      throw fail('INTERRUPTED', { action: 'setup' }, { cause: error });
    }
  }
}
