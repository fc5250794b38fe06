/**
 * Draws the pictures of the README: runs the terminal UI on a repository of its own in tmux, reads the screen through a terminal
 * emulator, and writes what it shows as SVG. `node docs/pictures/make.ts`; needs root, for mounts, and tmux.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import xterm from '@xterm/headless';

const columns = 100;
const rows = 28;
const cell = { width: 8.4, height: 18 } as const;
/** The 16 colours; index 16 and 17 are letters and background that nobody chose. */
const palette =
  '#1e1e2e #f38ba8 #a6e3a1 #f9e2af #89b4fa #f5c2e7 #7fd7e0 #bac2de #585b70 #f38ba8 #a6e3a1 #f9e2af #89b4fa #f5c2e7 #94e2d5 #a6adc8'.split(
    ' ',
  );
const ink = '#cdd6f4';
const paper = '#1e1e2e';
const faded = '#8087a2';

const checkout = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'strata-pictures-'));
const server = `strata-pictures-${process.pid}`;
const environment = {
  PATH: process.env.PATH ?? '',
  HOME: folder,
  TERM: 'screen-256color',
  LANG: 'C.UTF-8',
  STRATA_REPO: 'backups',
  STRATA_PASSWORD: 'correct horse battery staple',
  STRATA_RUNTIME_DIR: join(folder, 'run'),
  STRATA_CONFIG_DIR: join(folder, 'jobs'),
  STRATA_STATE_DIR: join(folder, 'runs'),
};
const strata = join(checkout, 'strata');

function run(...words: readonly string[]): void {
  execFileSync(strata, words, { env: environment, cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
}

function tmux(...words: readonly string[]): string {
  return execFileSync('tmux', ['-L', server, '-f', '/dev/null', ...words], { encoding: 'utf8' });
}

/** An ext4 disk with files in it, backed up as it changes; a second machine beside it. */
function makeRepository(): void {
  const tree = join(folder, 'tree');
  mkdirSync(join(tree, 'etc'), { recursive: true });
  mkdirSync(join(tree, 'home/ann'), { recursive: true });
  for (const [name, text] of [
    ['hostname', 'web01\n'],
    ['fstab', 'UUID=1 / ext4 defaults 0 1\n'],
    ['hosts', '127.0.0.1 localhost\n'.repeat(40)],
  ] as const) {
    writeFileSync(join(tree, 'etc', name), text);
  }
  writeFileSync(join(tree, 'home/ann/notes.txt'), 'remember\n'.repeat(3000));
  const disk = join(folder, 'disk.img');
  execFileSync('mkfs.ext4', ['-q', '-F', '-L', 'root', '-d', tree, disk, '192M']);
  run('init');
  for (let n = 0; n < 8; n++) {
    if (n > 0) {
      const change = join(folder, `log-${n}`);
      writeFileSync(change, Buffer.from(Array.from({ length: 150_000 * n }, (_, at) => (at * 7919 * n) % 251)));
      execFileSync('debugfs', ['-w', '-R', `write ${change} log-${n}`, disk], { stdio: 'ignore' });
    }
    run('backup', disk, '--machine', 'web01', '--disk', 'sda', ...(n % 2 === 0 ? ['--tag', 'daily'] : []));
  }
  run('backup', disk, '--machine', 'db01', '--disk', 'nvme0n1');
  run('verify', 'web01/sda@latest');
  run('protect', 'web01/sda@latest');
}

async function shows(wanted: string): Promise<void> {
  for (let n = 0; n < 600; n++) {
    if (tmux('capture-pane', '-p').includes(wanted)) return;
    await wait(100);
  }
  throw new Error(`the screen never showed ${wanted}:\n${tmux('capture-pane', '-p')}`);
}

const keys = (...names: readonly string[]) => tmux('send-keys', ...names);

async function picture(name: string, title: string): Promise<void> {
  await wait(1500); // what was asked for once the cursor rested
  const emulator = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true, convertEol: true });
  const screen = tmux('capture-pane', '-p', '-e').trimEnd();
  await new Promise<void>((resolve) => emulator.write(screen, resolve));
  writeFileSync(fileURLToPath(new URL(`${name}.svg`, import.meta.url)), svgOf(emulator, title));
}

function svgOf(terminal: xterm.Terminal, title: string): string {
  const width = columns * cell.width + 16;
  const height = rows * cell.height + 16;
  const lines = Array.from({ length: rows }, (_, row) => lineOf(terminal, row)).join('');
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace" font-size="14" xml:space="preserve"><title>${title}</title><rect width="100%" height="100%" rx="8" fill="${paper}"/>${lines}</svg>\n`;
}

interface Piece {
  readonly style: string;
  readonly back: string;
  readonly from: number;
  text: string;
}

/** One text for each run of signs that look alike. */
function lineOf(terminal: xterm.Terminal, row: number): string {
  const line = terminal.buffer.active.getLine(row);
  const pieces: Piece[] = [];
  for (let column = 0; line !== undefined && column < columns; column++) {
    const at = line.getCell(column);
    if (at === undefined || at.getWidth() === 0) continue;
    const letters = at.isFgDefault() ? (at.isDim() ? faded : ink) : (palette[at.getFgColor()] ?? ink);
    const inverse = at.isInverse() !== 0;
    const style = `fill="${inverse ? paper : letters}"${at.isBold() ? ' font-weight="bold"' : ''}`;
    const back = inverse ? letters : '';
    const last = pieces.at(-1);
    if (last?.style === style && last.back === back) last.text += at.getChars() || ' ';
    else pieces.push({ style, back, from: column, text: at.getChars() || ' ' });
  }
  const top = 8 + row * cell.height;
  return pieces
    .map(({ style, back, from, text }) => {
      const left = (8 + from * cell.width).toFixed(1);
      const wide = (text.length * cell.width).toFixed(1);
      const behind =
        back === '' ? '' : `<rect x="${left}" y="${top}" width="${wide}" height="${cell.height}" fill="${back}"/>`;
      if (text.trim() === '') return behind;
      return `${behind}<text x="${left}" y="${top + 13}" textLength="${wide}" ${style}>${escapeText(text)}</text>`;
    })
    .join('');
}

function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

try {
  makeRepository();
  const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  tmux('new-session', '-d', '-x', String(columns), '-y', String(rows), '-c', folder, 'env', '-i', ...variables, strata);
  tmux('set-option', '-g', 'status', 'off');
  await shows('web01');
  keys('j', 'Enter');
  await shows('two weeks to');
  await picture('points', 'The restore points of a disk');
  keys('3');
  await shows('this point');
  await picture('chain', 'The chain of a disk with its block map');
  keys('2');
  await shows('FLAGS');
  keys('Enter');
  await shows('whole disk');
  keys('Enter');
  await shows('home/');
  keys('Enter');
  await shows('fstab');
  await picture('files', 'Files in a restore point');
  keys('2');
  await shows('FLAGS');
  keys('r');
  await shows('Restore 1/4');
  keys('Enter');
  await shows('Write it to');
  execFileSync('truncate', ['-s', '192M', join(folder, 'old-disk.img')]);
  keys(join(folder, 'old-disk.img'), 'Enter');
  await wait(500);
  // Past the disks of this machine, where it has any.
  if (tmux('capture-pane', '-p').includes('Restore 2/4')) keys('Enter');
  await shows('Restore 3/4');
  keys('Enter', 'Enter', 'Enter');
  await shows('Restore 4/4');
  await picture('restore', 'The last step of a restore');
} finally {
  try {
    tmux('kill-server');
  } catch {}
  run('doctor', '--fix');
  rmSync(folder, { recursive: true, force: true });
}
