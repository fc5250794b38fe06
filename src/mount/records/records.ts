/** The records of all mounts, drives and exports of a user: one JSON file each, in a folder that no restart survives. */
import { randomBytes } from 'node:crypto';
import { link, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fail, fromSystem, reasonOf } from '../../errors.ts';
import { failpoint } from '../../repository/failpoint.ts';
import { makePrivateFolder, syncFolder } from '../../repository/private-folder.ts';
import { type MountRecord, recordSchema } from './record.ts';

export interface FoundRecords {
  readonly records: readonly MountRecord[];
  /** Files that are no records of this Strata: a newer one's, or damaged. */
  readonly unreadable: readonly { readonly path: string; readonly reason: string }[];
}

/** Where the records are: STRATA_RUNTIME_DIR, for root /run/strata, for others below XDG_RUNTIME_DIR. */
export function recordsFolder(env: NodeJS.ProcessEnv = process.env): string {
  if (env.STRATA_RUNTIME_DIR) return env.STRATA_RUNTIME_DIR;
  const user = process.getuid?.() ?? 0;
  if (user === 0) return '/run/strata';
  return join(env.XDG_RUNTIME_DIR || `/run/user/${user}`, 'strata');
}

/** An id for a new record; people type it. */
export function newRecordId(): string {
  return randomBytes(4).toString('hex');
}

export class Records {
  readonly folder: string;

  constructor(folder: string = recordsFolder()) {
    this.folder = folder;
  }

  /** Writes the first state of a record; there must be none of its id. */
  async create(record: MountRecord): Promise<void> {
    await this.#put(record, link);
  }

  /** Replaces a record: after a crash the old one or the new one is there. */
  async write(record: MountRecord): Promise<void> {
    await this.#put(record, rename);
  }

  /** The record of this id; null when there is none, RECORD_UNREADABLE when it is not one that we can read. */
  async read(id: string): Promise<MountRecord | null> {
    // An id may come from a command line: it must not lead elsewhere.
    if (!/^[0-9a-f]{8}$/.test(id)) return null;
    const text = await textOf(this.#path(id));
    return text === null ? null : this.#parse(id, text);
  }

  /** All records, oldest first. */
  async list(): Promise<FoundRecords> {
    const records: MountRecord[] = [];
    const unreadable: { path: string; reason: string }[] = [];
    for (const name of await this.#names()) {
      const [, id] = /^([0-9a-f]{8})\.json$/.exec(name) ?? [];
      if (id === undefined) continue;
      try {
        const record = await this.read(id);
        if (record !== null) records.push(record);
      } catch (error) {
        unreadable.push({ path: this.#path(id), reason: reasonOf(error) });
      }
    }
    return { records: records.sort((a, b) => (a.since < b.since ? -1 : 1)), unreadable };
  }

  /** Removes a record; it may be gone already. */
  async remove(id: string): Promise<void> {
    failpoint('records.remove');
    await rm(this.#path(id), { force: true }).catch((error: unknown) => {
      throw fromSystem(error, `cannot remove ${this.#path(id)}`);
    });
  }

  /** Removes what processes left that were killed while they wrote a record. */
  async clearUnfinished(isAlive: (pid: number) => boolean): Promise<void> {
    for (const name of await this.#names()) {
      const [, pid] = /^\.[0-9a-f]{8}\.(\d+)$/.exec(name) ?? [];
      if (pid !== undefined && !isAlive(Number(pid))) await rm(join(this.folder, name), { force: true });
    }
  }

  async #put(record: MountRecord, place: (from: string, to: string) => Promise<void>): Promise<void> {
    const path = this.#path(record.id);
    // The name tells whose it is, should that process be killed.
    const unfinished = join(this.folder, `.${record.id}.${process.pid}`);
    try {
      await makePrivateFolder(this.folder);
      failpoint('records.write');
      await writeDurably(unfinished, `${JSON.stringify(recordSchema.parse(record), null, 2)}\n`);
      failpoint('records.place');
      await place(unfinished, path);
      await syncFolder(this.folder);
    } catch (error) {
      throw fromSystem(error, `cannot write ${path}`);
    } finally {
      await rm(unfinished, { force: true });
    }
  }

  #path(id: string): string {
    return join(this.folder, `${id}.json`);
  }

  #parse(id: string, text: string): MountRecord {
    const path = this.#path(id);
    let content: unknown;
    try {
      content = JSON.parse(text);
    } catch (cause) {
      throw fail('RECORD_UNREADABLE', { path, reason: 'it is not JSON' }, { cause });
    }
    const { data, error } = recordSchema.safeParse(content);
    if (data?.id === id) return data;
    const [issue] = error?.issues ?? [];
    const reason = issue === undefined ? 'it is of another id' : `${issue.path.join('.')}: ${issue.message}`;
    throw fail('RECORD_UNREADABLE', { path, reason });
  }

  async #names(): Promise<string[]> {
    return readdir(this.folder).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw fromSystem(error, `cannot read ${this.folder}`);
    });
  }
}

async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(path, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function textOf(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw fromSystem(error, `cannot read ${path}`);
  }
}
