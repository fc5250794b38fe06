/** A writer that never rests, and the proof that a copy of its file shows one instant. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished } from 'vitest';
import { hammerBlock, placeOf } from './hammer-places.ts';

/** Starts the writer on a file of so many blocks; resolves when it is at work. */
export async function hammer(path: string, blocks: number, sync = false): Promise<ChildProcess> {
  const program = fileURLToPath(new URL('hammer-child.ts', import.meta.url));
  const words = [program, path, `${blocks}`, ...(sync ? ['sync'] : [])];
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => rest(child));
  await once(child.stdout, 'data');
  return child;
}

/** Ends the writer. */
export async function rest(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

/** Fails unless a copy holds all writes up to one, whole, and none after it. */
export async function expectOneInstant(copy: Buffer, original: string): Promise<void> {
  const blocks = copy.length / hammerBlock;
  const numbers = Array.from({ length: blocks }, (_, place) => copy.readDoubleLE(place * hammerBlock));
  const last = Math.max(...numbers);
  expect(last).toBeGreaterThanOrEqual(100);
  const expected = new Map<number, number>();
  for (let number = Math.max(1, last - 2 * blocks); number <= last; number++)
    expected.set(placeOf(number, blocks), number);
  const wrong = numbers.flatMap((number, place) => (number === (expected.get(place) ?? 0) ? [] : [{ place, number }]));
  expect(wrong, `the newest write is ${last}`).toEqual([]);
  for (const [place, number] of numbers.entries()) {
    const part = copy.subarray(place * hammerBlock, (place + 1) * hammerBlock);
    expect(part.readDoubleLE(hammerBlock - 8)).toBe(number);
  }
  const now = await readFile(original);
  expect(Math.max(...numbersOf(now)), 'the writer went on').toBeGreaterThan(last);
}

function numbersOf(bytes: Buffer): number[] {
  return Array.from({ length: bytes.length / hammerBlock }, (_, place) => bytes.readDoubleLE(place * hammerBlock));
}
