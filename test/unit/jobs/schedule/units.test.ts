import { execFile } from 'node:child_process';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { commandLine, quotedWord } from '../../../../src/jobs/schedule/unit-word.ts';
import { isUnitOf, unitsOf } from '../../../../src/jobs/schedule/units.ts';
import { scratchFolder } from '../../scratch.ts';
import { verifyJobOf } from './jobs.ts';
import { complaintsOf, noSystemd, readBySystemd } from './systemd.ts';

if (noSystemd) console.warn(`units.test.ts: tests are skipped, there is no ${noSystemd}`);

const now = Date.parse('2026-11-20T12:00:00Z');
const plain = { launcher: ['/usr/bin/strata'], variables: {} };
// biome-ignore lint/suspicious/noTemplateCurlyInString: it is a variable of systemd
const variables = ['$HOME', '${HOME}', '$'];
const odd = ['', ' ', 'a b', '%n%%', ...variables, '\\', '\\n', '"', "'", `"'\\`, 'ä €', ';', 'a#b'];
/** systemd shows these in another way than it reads them. */
const controls = ['a\tb\u0001\n'];

/** Takes a line apart as systemd.syntax(7) and systemd.service(5) say: quotes, escapes, specifiers, then variables. */
function readByTheBook(line: string): string[] {
  const words = [...line.matchAll(/"((?:[^"\\]|\\.)*)"(?: |$)/g)].map(([, inside = '']) =>
    inside.replace(/\\u([0-9a-f]{4})|\\(.)/g, (_, code: string, mark: string) =>
      code ? String.fromCharCode(Number.parseInt(code, 16)) : mark,
    ),
  );
  const [program = '', ...rest] = words.map((word) => word.replaceAll('%%', '%'));
  return [program, ...rest.map((word) => word.replaceAll('$$', '$'))];
}

describe('a command line', () => {
  it('comes out as it went in', () => {
    const line = commandLine(['/opt/100% $x/strata', ...odd, ...controls]);
    expect(line).not.toMatch(/\p{Cc}/u);
    expect(readByTheBook(line)).toEqual(['/opt/100% $x/strata', ...odd, ...controls]);
  });

  it.skipIf(noSystemd)('comes out of systemd as it went in', async () => {
    const program = '/opt/100% $x/strata';
    const text = `[Service]\nType=oneshot\nEnvironment=${quotedWord('A=b %h $c "d\\')}\nExecStart=${commandLine([program, ...odd])}\n`;
    const { words, environment } = await readBySystemd(text);
    // What is left to do when the program is started.
    expect(words[0]).toBe(program);
    expect(words.slice(1).map((word) => word.replaceAll('$$', '$'))).toEqual(odd);
    expect(words.slice(1).filter((word) => /(?<!\$)(\$\$)*\$(?!\$)/.test(word))).toEqual([]);
    expect(environment).toEqual(['A=b %h $c "d\\']);
  });

  it.each([`/opt/it's/strata`, '/opt/"x"/strata', '/opt/a\\b/strata', '/opt/a\nb/strata'])(
    'is refused for the program %j, which systemd would not take',
    (program) => {
      expect(() => commandLine([program, 'x'])).toThrowError(expect.objectContaining({ code: 'LAUNCHER_UNSUITABLE' }));
    },
  );

  it('starts what it names, with every word', async () => {
    const folder = join(await scratchFolder(), '50% $off');
    await mkdir(folder);
    const program = join(folder, 'show');
    await writeFile(program, `#!/bin/sh\nprintf '%s\\0' "$@"\n`);
    await chmod(program, 0o755);
    const [first = '', ...rest] = readByTheBook(commandLine([program, ...odd]));
    const { stdout } = await promisify(execFile)(first, rest);
    expect(stdout.split('\0').slice(0, -1)).toEqual(odd);
  });
});

describe('units', () => {
  it('of an interval', () => {
    const job = verifyJobOf('check', { every: '90m' });
    const environment = {
      launcher: ['/opt/s s/node', '/opt/$x/main.js'],
      variables: { STRATA_STATE_DIR: '/a b/100%' },
    };
    const units = unitsOf(job, { every: '90m' }, environment, now);
    expect(units.map(({ name }) => name)).toEqual(['strata-check.service', 'strata-check.timer']);
    expect(units[0]?.text).toContain('\nType=oneshot\n');
    expect(units[0]?.text).toContain('\nAfter=network-online.target\n');
    expect(units[0]?.text).toContain('\nEnvironment="STRATA_STATE_DIR=/a b/100%%"\n');
    expect(units[0]?.text).toContain('\nExecStart="/opt/s s/node" "/opt/$$x/main.js" "job" "run" "check" "--quiet"\n');
    expect(units[1]?.text).toContain(
      '\n[Timer]\nOnActiveSec=0\nOnUnitActiveSec=90min\nPersistent=true\nRandomizedDelaySec=300\n',
    );
    expect(units[1]?.text).toContain('\nWantedBy=timers.target\n');
  });

  it('of a calendar', () => {
    const schedule = { calendar: '0 4 13 * 5', timeZone: 'Europe/Berlin' };
    const [, timer] = unitsOf(verifyJobOf('check', schedule), schedule, plain, now);
    expect(timer?.text).toContain(
      '\n[Timer]\nOnCalendar=*-*-13 04:00:00 Europe/Berlin\nOnCalendar=Fri *-*-* 04:00:00 Europe/Berlin\nPersistent=true\n',
    );
    expect(timer?.text).not.toContain('OnActiveSec');
  });

  it('are known to be ours, and whose', () => {
    for (const { text } of unitsOf(verifyJobOf('check', null), { every: '1h' }, plain, now)) {
      expect(isUnitOf('check', text)).toBe(true);
      expect(isUnitOf('chec', text)).toBe(false);
      expect(isUnitOf('check', `\n${text}`)).toBe(false);
    }
    expect(isUnitOf('check', '[Unit]\n')).toBe(false);
  });

  it.skipIf(noSystemd)('please systemd', async () => {
    for (const schedule of [{ every: '90m' }, { every: '7s' }, { calendar: '0 4 13 * 5', timeZone: 'Europe/Berlin' }]) {
      const name = 'a.b_c-1';
      const environment = { launcher: ['/bin/true', 'a b'], variables: { A: 'b c%' } };
      expect(await complaintsOf(unitsOf(verifyJobOf(name, schedule), schedule, environment, now))).toBe('');
    }
  });
});
