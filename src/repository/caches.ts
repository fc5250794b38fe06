/** Where this user's caches lie: what is there can be deleted at any time. */
import { homedir } from 'node:os';
import { join } from 'node:path';

/** A path below `$XDG_CACHE_HOME/strata`, or `~/.cache/strata`. */
export function cachePath(...names: readonly string[]): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'strata', ...names);
}
