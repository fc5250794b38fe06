/** The layer rule of biome.json must really fire: the real linter, the real configuration, imports that break it. */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** File, what it imports, whether the rule refuses it. */
const cases: readonly (readonly [file: string, statement: string, refused: boolean])[] = [
  ['src/errors.ts', `import { a } from './repository/a.ts';`, true],
  ['src/errors.ts', `import { a } from 'node:fs';`, false],
  ['src/native.ts', `import { a } from './backup/a.ts';`, true],
  ['src/native.ts', `import { createRequire } from 'node:module';`, false],
  ['src/repository/a.ts', `import { a } from '../native.ts';`, false],
  ['src/repository/a.ts', `import { a } from './stores/a.ts';`, false],
  ['src/repository/a.ts', `import { a } from '../backup/a.ts';`, true],
  ['src/repository/a.ts', `import type { A } from '../jobs/a.ts';`, true],
  ['src/repository/a.ts', `import { createRequire } from 'node:module';`, true],
  ['src/repository/stores/a.ts', `import { a } from '../../restore/a.ts';`, true],
  ['src/repository/stores/a.ts', `import { a } from '@aws-sdk/client-s3';`, true],
  ['src/repository/stores/s3.ts', `import { a } from '@aws-sdk/client-s3';`, false],
  ['src/repository/stores/s3/a.ts', `import { a } from '@aws-sdk/client-s3';`, false],
  ['src/repository/stores/s3.ts', `import { a } from '../../backup/a.ts';`, true],
  ['src/backup/a.ts', `import { a } from '../repository/a.ts';`, false],
  ['src/backup/a.ts', `import { a } from '../restore/a.ts';`, true],
  ['src/backup/a.ts', `export { a } from '../mount/a.ts';`, true],
  ['src/backup/a.ts', `const { a } = await import('../synth/a.ts');`, true],
  ['src/backup/allocation/a.ts', `import { a } from '../../restore/a.ts';`, true],
  ['src/backup/allocation/a.ts', `import { a } from '../../repository/a.ts';`, false],
  ['src/backup/a.ts', `import { a } from '../jobs/a.ts';`, true],
  ['src/restore/a.ts', `import { a } from '../backup/a.ts';`, true],
  ['src/restore/a.ts', `import { a } from '../native.ts';`, false],
  ['src/mount/a.ts', `import { a } from '../restore/a.ts';`, true],
  ['src/mount/drivers/a.ts', `import { a } from '../../cli/a.ts';`, true],
  ['src/synth/a.ts', `import { a } from '../mount/a.ts';`, true],
  ['src/jobs/a.ts', `import { a } from '../backup/a.ts';`, false],
  ['src/jobs/a.ts', `import { a } from '../cli/a.ts';`, true],
  ['src/jobs/a.ts', `import { a } from 'react';`, true],
  ['src/cli/a.ts', `import { a } from '../jobs/a.ts';`, false],
  ['src/cli/a.ts', `import { a } from '../errors.ts';`, false],
  ['src/cli/a.ts', `import { a } from '../backup/a.ts';`, true],
  ['src/cli/commands/a.ts', `import { a } from '../../restore/a.ts';`, true],
  ['src/cli/a.ts', `import type { A } from '../repository/a.ts';`, false],
  ['src/cli/a.ts', `import { a } from '../repository/a.ts';`, true],
  ['src/cli/a.ts', `import { a } from '../native.ts';`, true],
  ['src/cli/a.ts', `import { a } from '../tui/a.ts';`, true],
  ['src/cli/a.ts', `import { a } from 'ink';`, true],
  ['src/cli/commands/tui.ts', `import { a } from '../../tui/a.ts';`, false],
  ['src/cli/commands/tui.ts', `import { a } from '../../backup/a.ts';`, true],
  ['src/cli/commands/tui.ts', `import { a } from 'ink';`, true],
  ['src/tui/a.tsx', `import { a } from 'ink';`, false],
  ['src/tui/a.ts', `import { a } from '../jobs/a.ts';`, false],
  ['src/tui/a.ts', `import { a } from '../cli/units.ts';`, false],
  ['src/tui/a.ts', `import { a } from '../cli/session.ts';`, true],
  ['src/tui/a.ts', `import { a } from '../repository/a.ts';`, true],
  ['src/tui/engine/a.ts', `import { a } from '../../mount/a.ts';`, true],
  ['src/tui/a.tsx', `import { a } from '../synth/a.ts';`, true],
  ['src/api/a.ts', `import { a } from '../cli/a.ts';`, true],
  ['src/api/a.ts', `import { a } from 'react/jsx-runtime';`, true],
];

const execute = promisify(execFile);

let folder: string;
/** `FILE:LINE` of every statement that the rule refuses. */
let refused: ReadonlySet<string>;

/** The file's statements stand in a file of that name, in the order of the table. */
const statementsOf = (file: string) => cases.filter((entry) => entry[0] === file).map((entry) => entry[1]);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'strata-layers-'));
  await cp(join(root, 'biome.json'), join(folder, 'biome.json'));
  for (const file of new Set(cases.map((entry) => entry[0]))) {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await writeFile(join(folder, file), statementsOf(file).join('\n'));
  }
  const options = ['--only=style/noRestrictedImports', '--reporter=github', '--max-diagnostics=none'];
  const report = await execute(
    join(root, 'node_modules/.bin/biome'),
    ['lint', ...options, '--vcs-enabled=false', join(folder, 'src')],
    { cwd: folder },
  ).then(
    ({ stdout }) => stdout,
    (failure: { stdout: string }) => failure.stdout,
  );
  const lines = report.matchAll(/,file=([^,]+),line=(\d+),/g);
  refused = new Set(Array.from(lines, ([, file = '', line]) => `${relative(folder, file)}:${line}`));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

test.each(cases)('%s: %s → refused: %s', (file, statement, isRefused) => {
  expect(refused.has(`${file}:${statementsOf(file).indexOf(statement) + 1}`)).toBe(isRefused);
});
