/** A writer that writes to several disks in turn, and the proof that copies of them show one instant. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished } from 'vitest';
import { rest } from './hammer.ts';
import { hammerBlock } from './hammer-places.ts';

/** Starts the writer on files that are there; resolves when it is at work. */
export async function writeInTurn(files: readonly string[]): Promise<ChildProcess> {
  const program = fileURLToPath(new URL('turns-child.ts', import.meta.url));
  const child = spawn(process.execPath, [program, ...files], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => rest(child));
  await once(child.stdout, 'data');
  return child;
}

/** The number that a copy of a file begins with, in all of its first block. */
export function numberIn(copy: Buffer): number {
  const number = copy.readDoubleLE(0);
  expect(copy.readDoubleLE(hammerBlock - 8)).toBe(number);
  return number;
}

/** Fails unless each number, in the order of the writing, is that of the one before, or it was not its turn yet. */
export function expectOneInstantOfAll(numbers: readonly number[]): void {
  const [first = 0] = numbers;
  expect(first).toBeGreaterThanOrEqual(20);
  for (const [at, number] of numbers.entries()) {
    const before = numbers[at - 1] ?? number;
    expect(before, `${numbers}`).toBeGreaterThanOrEqual(number);
    expect(number, `${numbers}`).toBeGreaterThanOrEqual(first - 1);
  }
}
