/** systemd itself, as it reads units: its analyser, and its manager in a test mode that starts nothing. */
import { execFile, execFileSync } from 'node:child_process';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { scratchFolder } from '../../scratch.ts';

const run = promisify(execFile);
const manager = '/lib/systemd/systemd';
const nobody = '65534';

/** What is missing; empty when nothing is. */
export const noSystemd = missing('systemd-analyze', 'systemd-analyze (package systemd)') || missing(manager, manager);

/** The next so many times of calendar events, in milliseconds, as systemd has them; `after` is in milliseconds. */
export async function systemdTimes(events: readonly string[], after: number, count: number): Promise<number[]> {
  const base = `--base-time=@${after / 1000}`;
  const found = new Set<number>();
  for (const event of events) {
    const { stdout } = await run('systemd-analyze', ['calendar', base, `--iterations=${count}`, event], {
      env: { ...process.env, TZ: 'UTC' },
    });
    for (const [, time] of stdout.matchAll(/(?:elapse|#\d+): \w+ (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC/g)) {
      found.add(Date.parse(`${time?.replace(' ', 'T')}Z`));
    }
  }
  return [...found].sort((a, b) => a - b).slice(0, count);
}

/** What systemd has to say against units; nothing when they are good. */
export async function complaintsOf(
  units: readonly { readonly name: string; readonly text: string }[],
): Promise<string> {
  const folder = await scratchFolder();
  for (const { name, text } of units) await writeFile(join(folder, name), text);
  const paths = units.map(({ name }) => join(folder, name));
  const { stdout, stderr } = await run('systemd-analyze', ['verify', '--man=no', ...paths]);
  return stdout + stderr;
}

/** The command line and the environment of a service as systemd read them; `$` is not expanded yet. */
export async function readBySystemd(text: string): Promise<{ words: string[]; environment: string[] }> {
  const folder = await scratchFolder();
  await chmod(folder, 0o755);
  const alone = '[Unit]\nDefaultDependencies=no\n';
  for (const target of ['basic', 'default', 'shutdown', 'exit'])
    await writeFile(join(folder, `${target}.target`), alone);
  await writeFile(join(folder, 'strata-x.service'), `${alone}${text}`);
  await mkdir(join(folder, 'run'));
  await chmod(join(folder, 'run'), 0o777);
  const env = { XDG_RUNTIME_DIR: join(folder, 'run'), HOME: join(folder, 'run'), SYSTEMD_UNIT_PATH: folder };
  const words = [manager, '--test', '--user', '--unit=strata-x.service'];
  // It refuses to be tested by root.
  const drop = process.getuid?.() === 0 ? ['setpriv', '--reuid', nobody, '--regid', nobody, '--clear-groups'] : [];
  const [program = '', ...rest] = [...drop, ...words];
  const { stdout } = await run(program, rest, { env: { ...env, PATH: process.env.PATH } });
  const unit = stdout.slice(stdout.indexOf('Unit strata-x.service:')).split('\n\t-> Unit ')[0] ?? '';
  const [, line = ''] = /Command Line: (.*)/.exec(unit) ?? [];
  const environment = [...unit.matchAll(/\n\t+Environment: (.*)/g)].map(([, entry = '']) => entry);
  // It prints words as bash would take them.
  const split = await run('bash', ['-c', `printf '%s\\0' ${line}`]);
  return { words: split.stdout.split('\0').slice(0, -1), environment };
}

function missing(program: string, name: string): string {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' });
    return '';
  } catch {
    return name;
  }
}
