/**
 * A mount namespace beside that of the tests. It is made before the first of them, and empties itself of file systems
 * that could be unmounted: a copy made while tests run would keep in use whatever any of them has mounted.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';

const variable = 'STRATA_TEST_NAMESPACE';

// It ends with its standard input, so even when this process is killed.
const script = `
  awk '$0 ~ / - [^ ]+ \\/dev\\/loop/ || $0 ~ / - fuse/ { print $5 }' /proc/self/mountinfo | while read -r at; do
    umount --lazy "$(printf %b "$at")"
  done
  echo ready
  exec cat`;

/** Before the first test file (vitest, globalSetup). What it returns is called after the last. */
export async function setup(): Promise<() => Promise<void>> {
  const holder = spawn('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', script], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const ended = once(holder, 'close');
  const isReady = await Promise.race([once(holder.stdout, 'data').then(() => true), ended.then(() => false)]);
  if (isReady) process.env[variable] = String(holder.pid);
  return async () => {
    holder.stdin.end();
    await ended;
  };
}

/** The process that has the namespace; null where none could be made, as for others than root. */
export function otherNamespace(): number | null {
  return Number(process.env[variable] ?? 0) || null;
}

/**
 * A command and its arguments, as they are to be started. `mkfs.btrfs` looks at all that is mounted, and fails of a file
 * system whose server another test has killed: it runs where nothing is.
 */
export function apart(program: string, words: readonly string[]): [string, readonly string[]] {
  const pid = program === 'mkfs.btrfs' ? otherNamespace() : null;
  return pid === null ? [program, words] : ['nsenter', ['--mount', '--target', String(pid), program, ...words]];
}

/** Runs a command in it. */
export function inOtherNamespace(pid: number, ...words: string[]): void {
  execFileSync('nsenter', ['--mount', '--target', String(pid), ...words], { stdio: 'ignore' });
}
