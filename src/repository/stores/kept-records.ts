/**
 * Records that never change under their names, kept on the local disk, so that a list of thousands is not fetched one by one each time.
 *
 * All are in one file, one behind the other: the length of the name and of the content, their CRC-32, the name, the content. Several
 * processes may add to it; what was torn by a crash or a full disk is where reading ends, and the file is written anew by who finds that, or
 * finds that most of it is no longer asked for. A file that cannot be written keeps nothing, and says nothing: everything is still on the server.
 */
import { randomBytes } from 'node:crypto';
import { appendFile, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';

const headBytes = 12;
/** Bytes of the file. */
const limit = 64 * 1024 ** 2;

export class KeptRecords {
  readonly #path: string;
  #loaded: Promise<Map<string, Buffer>> | undefined;
  #bytes = 0;
  #torn = false;

  constructor(path: string) {
    this.#path = path;
  }

  /** What is kept of these names. */
  async find(names: readonly string[]): Promise<Map<string, Buffer>> {
    const all = await this.#load();
    const found = new Map<string, Buffer>();
    for (const name of names) {
      const content = all.get(name);
      if (content !== undefined) found.set(name, content);
    }
    return found;
  }

  /** Keeps records that were just read; `asked`: all names of their kind that there are, or null when not all were asked for. */
  async keep(records: ReadonlyMap<string, Buffer>, asked: ReadonlySet<string> | null): Promise<void> {
    const all = await this.#load();
    for (const [name, content] of records) all.set(name, content);
    const live = asked === null ? all.size : [...all.keys()].filter((name) => asked.has(name)).length;
    const added = [...records].map(([name, content]) => entryOf(name, content));
    try {
      if (this.#torn || 2 * live < all.size) {
        for (const name of all.keys()) if (asked !== null && !asked.has(name)) all.delete(name);
        await this.#write([...all].map(([name, content]) => entryOf(name, content)));
      } else if (added.length > 0 && this.#bytes < limit) {
        const bytes = Buffer.concat(added);
        await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 });
        await appendFile(this.#path, bytes, { mode: 0o600 });
        this.#bytes += bytes.length;
      }
    } catch {
      // As if nothing were kept.
    }
  }

  #load(): Promise<Map<string, Buffer>> {
    this.#loaded ??= this.#read();
    return this.#loaded;
  }

  async #read(): Promise<Map<string, Buffer>> {
    const bytes = await readFile(this.#path).catch(() => Buffer.alloc(0));
    const records = new Map<string, Buffer>();
    let at = 0;
    while (at + headBytes <= bytes.length) {
      const name = at + headBytes;
      const content = name + bytes.readUInt32LE(at);
      const end = content + bytes.readUInt32LE(at + 4);
      if (end > bytes.length || crc32(bytes.subarray(name, end)) !== bytes.readUInt32LE(at + 8)) break;
      records.set(bytes.toString('utf8', name, content), bytes.subarray(content, end));
      at = end;
    }
    this.#bytes = bytes.length;
    this.#torn = at !== bytes.length;
    return records;
  }

  async #write(entries: readonly Buffer[]): Promise<void> {
    const whole = Buffer.concat(entries);
    const part = `${this.#path}.${randomBytes(6).toString('hex')}`;
    await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 });
    try {
      await writeFile(part, whole, { mode: 0o600 });
      await rename(part, this.#path);
    } catch (error) {
      await rm(part, { force: true });
      throw error;
    }
    this.#bytes = whole.length;
    this.#torn = false;
  }
}

function entryOf(name: string, content: Buffer): Buffer {
  const named = Buffer.from(name);
  const entry = Buffer.alloc(headBytes + named.length + content.length);
  entry.writeUInt32LE(named.length, 0);
  entry.writeUInt32LE(content.length, 4);
  named.copy(entry, headBytes);
  content.copy(entry, headBytes + named.length);
  entry.writeUInt32LE(crc32(entry.subarray(headBytes)), 8);
  return entry;
}
