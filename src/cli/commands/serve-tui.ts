/** The terminal UI's second process, ahead of all commands: each starts as early as it can, for a person waits for both. */
import { engineWord, startEarly } from '../../tui/engine/start.ts';

/** Serves the process that draws, when this one was started for that. Says whether it was. */
export async function serveTui(words: readonly string[]): Promise<boolean> {
  if (words[0] !== engineWord || process.send === undefined) return false;
  const { serveEngine } = await import('../../tui/engine/host.ts');
  await serveEngine();
  return true;
}

/** Starts the engine when the line looks like one that opens the UI. One that nobody asks for ends with this process. */
export function startEngineFor(words: readonly string[]): void {
  const isTerminal = process.stdin.isTTY === true && process.stdout.isTTY === true;
  if (isTerminal && (words.length === 0 || words.includes('tui'))) startEarly();
}
