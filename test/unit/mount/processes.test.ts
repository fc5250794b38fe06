import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import { clientEnvironment, clientOf, identityOf, isGone } from '../../../src/mount/processes.ts';
import { thisProcess } from '../../../src/repository/here.ts';

const here = thisProcess();

describe('isGone', () => {
  it('knows the living, the dead, and those that have the pid of a dead one', async () => {
    const program = spawn('sleep', ['1000']);
    onTestFinished(() => void program.kill('SIGKILL'));
    await once(program, 'spawn');
    const pid = program.pid ?? 0;
    const identity = { ...identityOf(here), pid, start: here.startOf(pid) ?? '' };
    expect(await isGone(identity, here)).toBe(false);
    expect(await isGone({ ...identity, start: '1' }, here)).toBe(true);
    const ended = once(program, 'exit');
    program.kill('SIGKILL');
    await ended;
    expect(await isGone(identity, here)).toBe(true);
    expect(await isGone({ ...identity, pidNamespace: 'pid:[1]' }, here)).toBe(false);
  });
});

describe('clientOf', () => {
  it('is who said so, also when he is dead by now', () => {
    expect(clientOf({ ...here, startOf: () => null }, clientEnvironment(here))).toEqual(identityOf(here));
  });

  it('is the parent when nobody said so, if that can be seen', () => {
    expect(clientOf(here, {})).toEqual({ ...identityOf(here), pid: process.ppid, start: here.startOf(process.ppid) });
    expect(clientOf({ ...here, startOf: () => null }, {})).toBe(null);
  });
});
