/** Starts the engine's process. It takes as long to get ready as the one that draws, so it is started before all else is loaded. */
import { type ChildProcess, fork } from 'node:child_process';

let early: ChildProcess | undefined;

/**
 * Starts an engine for who asks for one soon; `location`: of the repository, when it can derive its key meanwhile. When nobody
 * asks, this process can end, and the engine with it.
 */
export function startEarly(location: string | null): void {
  early = start(location === null ? [] : [location]);
  early.unref();
  early.channel?.unref();
}

/** The engine that was started early, or another one. */
export function startEngine(): ChildProcess {
  const child = early;
  early = undefined;
  if (child === undefined || !child.connected) return start([]);
  child.ref();
  child.channel?.ref();
  return child;
}

function start(words: readonly string[]): ChildProcess {
  const [, program = ''] = process.argv;
  // A group of its own: keys that the terminal turns into signals are not for it.
  return fork(program, [engineWord, ...words], { detached: true, stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
}

/** The word by which the program becomes an engine; not for people. */
export const engineWord = 'serve-tui';
