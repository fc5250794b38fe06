/**
 * Made the golden repositories: `node test/golden/make.ts FOLDER` with a checkout of the version that they keep.
 * They are not to be made again: what format 1 once wrote must stay readable.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { goldenDisk, goldenPassphrase } from './disk.ts';

const folder = process.argv[2];
if (folder === undefined) throw new Error('name the folder to make');
const strata = join(import.meta.dirname, '../../strata');
const cache = join(folder, 'cache');
const passphrases = { sealed: goldenPassphrase, plain: '' };
mkdirSync(folder);
for (const name of ['sealed', 'plain'] as const) {
  const repo = join(folder, name);
  const env = { ...process.env, STRATA_PASSWORD: passphrases[name], XDG_CACHE_HOME: cache };
  const run = (...words: string[]) => execFileSync(strata, words, { env, stdio: 'inherit' });
  run('init', '--repo', repo, '--block-size', '64K', ...(name === 'plain' ? ['--no-encryption'] : []));
  for (const point of [0, 1, 2] as const) {
    const disk = join(folder, 'disk.img');
    writeFileSync(disk, goldenDisk(point));
    run('backup', disk, '--repo', repo, '--machine', 'golden', '--disk', 'disk', '--tag', `point-${point}`);
    rmSync(disk);
  }
}
rmSync(cache, { recursive: true });
