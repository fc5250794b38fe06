/**
 * What is written down of each snapshot before it is made, so that whoever comes after a killed process can remove it:
 * one JSON file each, in a folder that restarts survive, as snapshots do.
 *
 * The file is locked as long as its process lives (flock): an unlocked record is that of a dead one, unless it says that
 * the snapshot is kept for the next backup of its disk.
 */
import { randomBytes } from 'node:crypto';
import { type FileHandle, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { fromSystem } from '../../errors.ts';
import { native } from '../../native.ts';
import { failpoint } from '../../repository/failpoint.ts';
import { thisProcess } from '../../repository/here.ts';
import { makePrivateFolder, syncFolder } from '../../repository/private-folder.ts';
import { providerNames } from './provider.ts';

/** A disk, in one repository. */
const ownerSchema = z.object({ repository: z.string(), machine: z.string(), disk: z.string() });

const recordSchema = z.object({
  format: z.literal(1),
  id: z.string().regex(/^[0-9a-f]{8}$/),
  provider: z.enum(providerNames),
  /** What it is a snapshot of, as reports show it. */
  source: z.string(),
  since: z.iso.datetime(),
  bootId: z.string(),
  owner: ownerSchema,
  /** What it consists of; the provider knows what that means. */
  places: z.array(z.string()).readonly(),
  /** Whether it stays for the next backup of the disk. */
  kept: z.boolean(),
});

export type SnapshotRecord = Readonly<z.infer<typeof recordSchema>>;
export type SnapshotOwner = Readonly<z.infer<typeof ownerSchema>>;

/** A record whose process is this one. */
export interface HeldRecord {
  readonly record: SnapshotRecord;
  /** Says that the snapshot stays; this process need not live for it any more. */
  keep(): Promise<void>;
  /** The snapshot is gone. */
  close(): Promise<void>;
  /** It could not be removed: that is left to whoever comes next. */
  leave(): Promise<void>;
}

/** Where the records are: STRATA_SNAPSHOT_DIR, for root below /var/lib/strata, for others below XDG_STATE_HOME. */
export function snapshotRecordsFolder(env: NodeJS.ProcessEnv = process.env): string {
  const state = join(env.XDG_STATE_HOME || join(homedir(), '.local/state'), 'strata/snapshots');
  return resolve(env.STRATA_SNAPSHOT_DIR || (process.getuid?.() === 0 ? '/var/lib/strata/snapshots' : state));
}

/** An id for a new snapshot. */
export function newSnapshotId(): string {
  return randomBytes(4).toString('hex');
}

/** Writes down a snapshot that is to be made next. */
export async function beginRecord(
  folder: string,
  known: Pick<SnapshotRecord, 'id' | 'provider' | 'source' | 'owner' | 'places'>,
): Promise<HeldRecord> {
  const { bootId, now } = thisProcess();
  const record: SnapshotRecord = { format: 1, ...known, since: new Date(now()).toISOString(), bootId, kept: false };
  const path = pathOf(folder, record.id);
  try {
    await makePrivateFolder(folder);
    const held = await put(folder, record);
    return {
      record,
      keep: async () => {
        failpoint('snapshot.keep');
        await (await put(folder, { ...record, kept: true })).close();
        await held.close();
      },
      close: async () => {
        failpoint('snapshot.forget');
        await rm(path, { force: true });
        await held.close();
      },
      leave: () => held.close(),
    };
  } catch (error) {
    throw fromSystem(error, `cannot write ${path}`);
  }
}

/**
 * Takes hold of the records of dead processes one by one, and of kept ones that are to go, and removes each that
 * `clear` says is gone.
 */
export async function takeOrphans(folder: string, clear: (record: SnapshotRecord) => Promise<boolean>): Promise<void> {
  await clearUnfinished(folder);
  for (const name of await namesIn(folder)) {
    const path = join(folder, name);
    const file = await openIfThere(path);
    if (file === null) continue;
    try {
      if (!native.tryLock(file.fd) || !(await isStill(path, file))) continue;
      const record = await readRecord(file);
      // Of a newer Strata, or damaged: it says nothing that could be undone.
      if (record !== null && (await clear(record))) await rm(path, { force: true });
    } finally {
      await file.close();
    }
  }
}

/** Its lock is held when it gets its name. */
async function put(folder: string, record: SnapshotRecord): Promise<FileHandle> {
  const unfinished = join(folder, `.${record.id}.${process.pid}`);
  const file = await open(unfinished, 'wx', 0o600);
  try {
    native.tryLock(file.fd);
    await file.writeFile(`${JSON.stringify(recordSchema.parse(record), null, 2)}\n`);
    await file.sync();
    failpoint('snapshot.record');
    await rename(unfinished, pathOf(folder, record.id));
    await syncFolder(folder);
    return file;
  } catch (error) {
    await file.close();
    await rm(unfinished, { force: true });
    throw error;
  }
}

/** Removes what processes left that were killed while they wrote a record. */
async function clearUnfinished(folder: string): Promise<void> {
  const { startOf } = thisProcess();
  for (const name of await namesIn(folder, /^\.[0-9a-f]{8}\.\d+$/)) {
    if (startOf(Number(name.split('.').at(-1))) === null) await rm(join(folder, name), { force: true });
  }
}

function pathOf(folder: string, id: string): string {
  return join(folder, `${id}.json`);
}

async function namesIn(folder: string, pattern = /^[0-9a-f]{8}\.json$/): Promise<string[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw fromSystem(error, `cannot read ${folder}`);
  });
  return names.filter((name) => pattern.test(name));
}

async function openIfThere(path: string): Promise<FileHandle | null> {
  return open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw fromSystem(error, `cannot read ${path}`);
  });
}

/** Whether an open file still has its name: its process may have replaced or removed it meanwhile. */
async function isStill(path: string, file: FileHandle): Promise<boolean> {
  const [named, opened] = [await stat(path).catch(() => null), await file.stat()];
  return named?.ino === opened.ino && named.dev === opened.dev;
}

async function readRecord(file: FileHandle): Promise<SnapshotRecord | null> {
  try {
    return recordSchema.safeParse(JSON.parse(await file.readFile('utf8'))).data ?? null;
  } catch {
    return null;
  }
}
