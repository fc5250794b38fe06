/** The two streams: results on standard output, everything else on standard error. */
import { styleText } from 'node:util';

export function print(stream: NodeJS.WriteStream, lines: readonly string[]): void {
  stream.write(lines.map((line) => `${line}\n`).join(''));
}

/** Lines of a result. */
export function printResult(lines: readonly string[]): void {
  print(process.stdout, lines);
}

/** The one document that `--json` gives of a query. */
export function printDocument(document: unknown): void {
  print(process.stdout, [JSON.stringify(document, null, 2)]);
}

/** One line of the events that `--json` gives of a long action. */
export function printEvent(event: object): void {
  print(process.stdout, [JSON.stringify(event)]);
}

/** `strata: message`, and what to do on a line of its own. Colour as the terminal and NO_COLOR allow. */
export function complain(kind: 'error' | 'warning', message: string, hint?: string): void {
  const head = kind === 'error' ? styleText('red', 'strata:', { stream: process.stderr }) : 'strata: warning:';
  const lines = [`${head} ${message}`];
  if (hint) lines.push(`  ${hint}`);
  print(process.stderr, lines);
}

/** `strata points | head` closes our output while we write: nobody is left to tell, so the rest is dropped. */
export function ignoreClosedPipes(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
    });
  }
}
