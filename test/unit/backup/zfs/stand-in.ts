/** A pool of ZFS with volumes, played by stand-in-tool.sh. */
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { mountNew } from '../../loop.ts';

const parameters = 'sys/module/zfs/parameters';

export interface ZfsStandIn {
  /** What a process needs to find it. */
  readonly environment: Readonly<Record<string, string>>;
  /** Its folder. */
  readonly root: string;
  /** Uses the tool. */
  zfs(...words: string[]): string;
  /** Makes a volume; gives its device. */
  volume(name: string, bytes: number): string;
  /** Has it fail in this way from now on; an empty text: in none. */
  spoil(flaw: string): void;
  /** All datasets and snapshots that there are. */
  known(): string[];
  /** What the tool was asked for until now. */
  calls(): string[];
}

/** Makes one, with a pool `tank`, for the running test. Needs root and loop devices. */
export async function zfsStandIn(): Promise<ZfsStandIn> {
  const { folder } = await mountNew('xfs', 1024);
  const root = join(folder, 'driver');
  for (const at of ['bin', 'known', 'dev/zvol', parameters]) mkdirSync(join(root, at), { recursive: true });
  writeFileSync(join(root, parameters, 'send_holes_without_birth_time'), '1\n');
  writeFileSync(join(root, 'pools'), 'tank\n');
  writeFileSync(join(root, 'txg'), '100\n');
  writeFileSync(join(root, 'calls'), '');
  const tool = join(root, 'bin/zfs');
  copyFileSync(new URL('stand-in-tool.sh', import.meta.url), tool);
  chmodSync(tool, 0o755);
  const environment = {
    STRATA_DRIVER_ROOT: root,
    STAND_IN_NODE: process.execPath,
    STAND_IN_STREAM: new URL('stand-in-stream.ts', import.meta.url).pathname,
    PATH: `${join(root, 'bin')}:${process.env.PATH}`,
  };
  const zfs = (...words: string[]) => {
    const env = { ...process.env, ...environment };
    return execFileSync(tool, words, { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
  };
  onTestFinished(() => {
    writeFileSync(join(root, 'flaw'), '');
    zfs('play-end');
  });
  return {
    environment,
    root,
    zfs,
    volume: (name, bytes) => {
      zfs('play-volume', name, `${bytes}`);
      return join(root, 'dev/zvol', name.replaceAll(' ', '+'));
    },
    spoil: (flaw) => writeFileSync(join(root, 'flaw'), flaw),
    known: () => readdirSync(join(root, 'known')).map((name) => name.replaceAll('%', '/')),
    calls: () => readFileSync(join(root, 'calls'), 'utf8').trim().split('\n'),
  };
}
