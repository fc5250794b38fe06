#!/usr/bin/env node
/** Entry point. What is loaded from here on is loaded through the compile cache, so it comes first. */
// biome-ignore lint/style/noRestrictedImports: node:module is kept for the addon; this is the compile cache, which loads none
import { enableCompileCache } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';

// Node's default lies in /tmp, where another user could put code under root's name.
enableCompileCache(join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'strata', 'compile'));

const words = process.argv.slice(2);
const { serveTui, startEngineFor } = await import('./commands/serve-tui.ts');
if (!(await serveTui(words))) {
  startEngineFor(words);
  const { unlockFor } = await import('./early-key.ts');
  await unlockFor(words);
  const { run } = await import('./run.ts');
  await run(words);
}
