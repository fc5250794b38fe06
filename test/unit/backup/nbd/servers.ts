/** NBD servers of others, as their users start them; each is ended with its test. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, onTestFinished } from 'vitest';
import { native } from '../../../../src/native.ts';
import { scratchFolder } from '../../scratch.ts';

export const noLibrary = native.nbdLibrary() === null ? 'libnbd (package libnbd0)' : '';
export const noQemuNbd = missing('qemu-nbd', 'package qemu-utils');
export const noNbdkit = missing('nbdkit', 'package nbdkit');

const absent = [noLibrary, noQemuNbd, noNbdkit].filter((tool) => tool !== '');
if (absent.length > 0) console.warn(`test/unit/backup/nbd: tests are skipped, there is no ${absent.join(', ')}`);

export interface ForeignServer {
  readonly socket: string;
  /** Of its export. */
  readonly uri: string;
  /** Kills it, and waits until it lets go of its image. */
  kill(): Promise<void>;
}

/** Serves an image by qemu-nbd under a name; `words` are more of its options. */
export function qemuNbd(image: string, name: string, ...words: string[]): Promise<ForeignServer> {
  return served(name, (socket, pid) => [
    'qemu-nbd',
    '-t',
    '--fork',
    '--pid-file',
    pid,
    '-k',
    socket,
    '-x',
    name,
    ...words,
    image,
  ]);
}

/** Serves what nbdkit's plugin and filters make, as the export without a name. */
export function nbdkit(...words: string[]): Promise<ForeignServer> {
  return served('', (socket, pid) => ['nbdkit', '-P', pid, '-U', socket, ...words]);
}

/** Both programs go into the background when they listen. */
async function served(name: string, line: (socket: string, pid: string) => string[]): Promise<ForeignServer> {
  const folder = await scratchFolder();
  const [socket, pidFile] = [join(folder, 'socket'), join(folder, 'pid')];
  const [program = '', ...words] = line(socket, pidFile);
  const starting = spawn(program, words, { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  starting.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const [code] = await once(starting, 'exit');
  if (code !== 0) throw new Error(`${program} ended with ${code}: ${said}`);
  // nbdkit's comes a moment later.
  let pid = 0;
  const look = async () => {
    pid = Number(await readFile(pidFile, 'utf8').catch(() => ''));
    return pid;
  };
  await expect.poll(look).toBeGreaterThan(0);
  // Nobody may ask how it ended; the first thread may be the first to go.
  const isThere = async () => {
    const threads = await readdir(`/proc/${pid}/task`).catch(() => []);
    const state = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ' Z ');
    return threads.length > 1 || !state.includes(' Z ');
  };
  const kill = async () => {
    if (await isThere()) process.kill(pid, 'SIGKILL');
    while (await isThere()) await nextTurn();
  };
  onTestFinished(kill);
  return { socket, uri: uriOf(socket, name), kill };
}

export function uriOf(socket: string, name = ''): string {
  return `nbd+unix:///${encodeURIComponent(name)}?socket=${socket}`;
}

/** What stands between a client and a server. */
export interface Line {
  readonly socket: string;
  readonly uri: string;
  /** How many connections there have been. */
  count(): number;
  /** Where the next connections go. */
  redirect(socket: string): void;
  /** Breaks those that are there. */
  cut(): void;
}

/** A line to a server; `passes` says of each piece from the server, by its connection and the bytes before it, what becomes of it. */
export async function lineTo(
  target: string,
  name: string,
  passes: (connection: number, bytes: number) => 'pass' | 'cut' | 'hold',
): Promise<Line> {
  const path = join(await scratchFolder(), 'line');
  const open = new Set<Socket>();
  let [count, to] = [0, target];
  const server: Server = createServer((client) => {
    const connection = ++count;
    const upstream = connect(to);
    let bytes = 0;
    for (const socket of [client, upstream]) {
      open.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        open.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    client.on('data', (piece) => upstream.write(piece));
    upstream.on('data', (piece) => {
      const fate = passes(connection, bytes);
      bytes += piece.length;
      if (fate === 'pass') client.write(piece);
      if (fate === 'cut') client.destroy();
    });
  });
  server.listen(path);
  await once(server, 'listening');
  const cut = () => {
    for (const socket of open) socket.destroy();
  };
  onTestFinished(() => {
    server.close();
    cut();
  });
  const redirect = (socket: string) => {
    to = socket;
  };
  return { socket: path, uri: uriOf(path, name), count: () => count, redirect, cut };
}

function missing(program: string, origin: string): string {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' });
    return '';
  } catch {
    return `${program} (${origin})`;
  }
}
