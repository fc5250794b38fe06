/** The terminal UI's second process, ahead of all commands: each starts as early as it can, for a person waits for both. */
import { engineWord, startEarly } from '../../tui/engine/start.ts';
import { folderOf } from '../early-key.ts';

/** Serves the process that draws, when this one was started for that. Says whether it was. */
export async function serveTui(words: readonly string[]): Promise<boolean> {
  const [word, location] = words;
  if (word !== engineWord || process.send === undefined) return false;
  const { STRATA_PASSWORD: passphrase } = process.env;
  if (location !== undefined && passphrase) {
    const { unlockEarly } = await import('../../jobs/early-key.ts');
    unlockEarly(location, passphrase);
  }
  const { serveEngine } = await import('../../tui/engine/host.ts');
  await serveEngine();
  return true;
}

/** Starts the engine when the line looks like one that opens the UI. One that nobody asks for ends with this process. */
export function startEngineFor(words: readonly string[]): void {
  const isTerminal = process.stdin.isTTY === true && process.stdout.isTTY === true;
  if (isTerminal && (words.length === 0 || words.includes('tui')))
    startEarly(words.every((word) => word === 'tui') ? (folderOf(words)?.location ?? null) : null);
}
