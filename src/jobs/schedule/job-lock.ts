/**
 * The lock under which a saved job runs: never twice at once, whoever starts it. It is the kernel's lock on an open
 * file, so it ends with the process that holds it. What stands in the file tells others who that is.
 */
import { type FileHandle, mkdir, open, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { fail, fromSystem } from '../../errors.ts';
import { native } from '../../native.ts';
import type { Here } from '../../repository/here.ts';
import { ownerOnly } from './place-file.ts';

const holderSchema = z.object({ pid: z.int(), host: z.string(), since: z.string() });

export class JobLock {
  readonly #file: FileHandle;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  /** Takes the lock of a job in the folder of its runs; LOCKED while another run holds it. */
  static async take(folder: string, job: string, here: Here): Promise<JobLock> {
    const path = join(folder, job, 'lock');
    const file = await openLock(path);
    try {
      if (!native.tryLock(file.fd)) throw fail('LOCKED', { what: `job ${job}`, ...(await holderOf(path)) });
      await file.truncate();
      const since = new Date(here.now()).toISOString();
      await file.writeFile(JSON.stringify({ pid: here.pid, host: here.host, since }));
      return new JobLock(file);
    } catch (error) {
      await file.close();
      throw fromSystem(error, `cannot lock ${path}`);
    }
  }

  async release(): Promise<void> {
    await this.#file.close();
  }
}

async function openLock(path: string): Promise<FileHandle> {
  try {
    await mkdir(dirname(path), { recursive: true });
    return await open(path, 'a', ownerOnly);
  } catch (error) {
    throw fromSystem(error, `cannot lock ${path}`);
  }
}

/** It may be writing that just now. */
async function holderOf(path: string): Promise<{ holder: string; since: string }> {
  const text = await readFile(path, 'utf8').catch(() => '');
  const found = holderSchema.safeParse(parsed(text)).data;
  if (found === undefined) return { holder: 'another process', since: 'just now' };
  return { holder: `process ${found.pid} on ${found.host}`, since: found.since };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
