/** What the kernel asks of a mount, answered as the addon's session does (native/fuse/session.cc). All throw Refusals. */
import { constants as files } from 'node:fs';
import { constants } from 'node:os';
import { getgid, getuid } from 'node:process';
import type { Stat, Statfs } from 'fuse-native';
import { reasonOf } from '../../../errors.ts';
import type { Content, Stream } from '../../../native/images.ts';
import type { NativeError } from '../../../native/run.ts';
import type { SessionEvent, SessionOptions, TreeEntry } from '../../../native/session.ts';
import { native } from '../../../native.ts';
import { type Node, NodeTree } from './node-tree.ts';
import { PreparedImages } from './prepared-images.ts';
import { Refusal } from './refusal.ts';

const { EBADF, EINVAL, EIO, EISDIR, ENODATA, ENOENT, ENOMEM, ENOSPC, ENOTDIR, ERANGE, EROFS } = constants.errno;
/** What readers should ask for at once. */
const preferredRead = 1 << 20;
const accessModes = files.O_RDONLY | files.O_WRONLY | files.O_RDWR;
/** fuse-native keeps a file's number in 31 bits, and takes 0 for none. */
const mostFiles = 0x7fffffff;

const typeBits = {
  folder: files.S_IFDIR | 0o555,
  link: files.S_IFLNK | 0o777,
  text: files.S_IFREG | 0o444,
  image: files.S_IFREG | 0o444,
} as const;
const writableImage = files.S_IFREG | 0o600;

interface OpenFile {
  readonly path: string;
  readonly node: Node;
  /** Null for a text file. */
  readonly content: Content | null;
  readonly text: Buffer;
  readonly stream: Stream;
  readonly size: number;
}

export class Operations {
  readonly #onEvent: (event: SessionEvent) => void;
  readonly #files = new Map<number, OpenFile>();
  readonly #images: PreparedImages;
  /** Images that files are being opened of, each as often. */
  readonly #opening: number[] = [];
  #tree: NodeTree;
  #lastFile = 0;
  #reads = 0;
  #bytes = 0;
  #errors = 0;

  constructor({ tree, writable, onEvent }: Pick<SessionOptions, 'tree' | 'writable' | 'onEvent'>) {
    this.#onEvent = onEvent;
    this.#tree = new NodeTree(tree);
    this.#images = new PreparedImages((image) => onEvent({ event: 'prepare', image }), writable);
  }

  get images(): PreparedImages {
    return this.#images;
  }

  counters() {
    return {
      reads: this.#reads,
      bytes: this.#bytes,
      errors: this.#errors,
      handles: this.#files.size,
      images: this.#images.kept,
      waiting: this.#images.waiting,
    };
  }

  replace(tree: readonly TreeEntry[]): void {
    this.#tree = new NodeTree(tree);
  }

  async getattr(path: string): Promise<Stat> {
    const found = await this.#lookUp(path);
    if (found !== undefined) return this.#statOf(found, await this.#sizeOf(found.entry));
    // libfuse asks by path for open files, too, also for those that the tree does not show any more.
    const open = [...this.#files.values()].find((file) => file.path === path);
    if (open === undefined) throw new Refusal(ENOENT);
    return this.#statOf(open.node, open.size);
  }

  async readlink(path: string): Promise<string> {
    const { entry } = await this.#find(path);
    if (entry.kind !== 'link') throw new Refusal(EINVAL);
    return entry.text ?? '';
  }

  /** Names and types of a folder's entries. */
  async readdir(path: string): Promise<{ readonly names: string[]; readonly stats: Stat[] }> {
    const folder = await this.#find(path);
    if (folder.entry.kind !== 'folder') throw new Refusal(ENOTDIR);
    await this.#lookInto(folder);
    const { names } = await this.#find(path);
    const above = this.#tree.find(parentOf(path)) ?? folder;
    const shown = [
      ['.', folder],
      ['..', above],
    ] as [string, Node][];
    for (const name of names) {
      const node = this.#tree.find(path === '' ? name : `${path}/${name}`);
      if (node !== undefined) shown.push([name, node]);
    }
    return { names: shown.map(([name]) => name), stats: shown.map(([, node]) => this.#statOf(node, 0)) };
  }

  statfs(): Statfs {
    return { bsize: 4096, frsize: 4096, files: this.#tree.size, namemax: 255 };
  }

  /** Gives the number of the open file. */
  async open(path: string, flags: number): Promise<number> {
    const node = await this.#find(path);
    const { kind, image = 0, text = '', writable = false } = node.entry;
    if (kind === 'folder') throw new Refusal(EISDIR);
    if ((flags & accessModes) !== files.O_RDONLY && !writable) throw new Refusal(EROFS);
    this.#opening.push(image);
    try {
      const content = kind === 'image' ? await this.#images.get(image) : null;
      if (kind === 'image' && content === null) throw new Refusal(EIO);
      const bytes = Buffer.from(text);
      const size = content === null ? bytes.length : native.contentSize(content);
      const number = this.#nextFile();
      this.#files.set(number, { path, node, content, text: bytes, stream: native.openStream(), size });
      return number;
    } finally {
      this.#opening.splice(this.#opening.indexOf(image), 1);
    }
  }

  /** Lets go of an image; false when somebody has it open or waits for it. */
  releaseImage(image: number): boolean {
    const isOpen = [...this.#files.values()].some(({ node }) => node.entry.image === image);
    return !isOpen && !this.#opening.includes(image) && this.#images.release(image);
  }

  release(number: number): void {
    this.#files.delete(number);
  }

  /** Fills `into`, or less of it at the end of the file; gives how many bytes. */
  async read(number: number, into: Buffer, offset: number): Promise<number> {
    const file = this.#file(number);
    const { content, text, stream, size } = file;
    const length = Math.min(into.length, size - offset);
    if (length <= 0) return 0;
    this.#reads++;
    this.#bytes += length;
    if (content === null) return text.copy(into, 0, offset, offset + length);
    const range = { offset, length };
    await this.#guarded(file, range, () => native.readAt(content, range, stream, into));
    return length;
  }

  async write(number: number, bytes: Buffer, offset: number): Promise<number> {
    const file = this.#file(number);
    const { content, size } = file;
    const { length } = bytes;
    if (content === null) throw new Refusal(EROFS);
    // A disk does not grow.
    if (length > size - offset) throw new Refusal(ENOSPC);
    await this.#guarded(file, { offset, length }, () => native.writeAt(content, { offset }, bytes));
    return length;
  }

  async fsync(number: number): Promise<void> {
    const file = this.#file(number);
    const { content } = file;
    if (content === null) return;
    await this.#guarded(file, { offset: 0, length: 0 }, () => native.flush(content));
  }

  /** Fills `into` with an extended attribute, when that has any length; gives its length. */
  async getxattr(path: string, name: string, into: Buffer): Promise<number> {
    const value = (await this.#find(path)).attributes.get(name);
    if (value === undefined) throw new Refusal(ENODATA);
    return fill(into, Buffer.from(value));
  }

  /** Fills `into` with the names of all extended attributes, when that has any length; gives their length. */
  async listxattr(path: string, into: Buffer): Promise<number> {
    const names = [...(await this.#find(path)).attributes.keys()];
    return fill(into, Buffer.from(names.map((name) => `${name}\0`).join('')));
  }

  async #find(path: string): Promise<Node> {
    const node = await this.#lookUp(path);
    if (node === undefined) throw new Refusal(ENOENT);
    return node;
  }

  async #lookUp(path: string): Promise<Node | undefined> {
    const found = this.#tree.find(path);
    if (found !== undefined) return found;
    // It may be one of a folder that nobody has looked into yet.
    const folder = this.#tree.find(parentOf(path));
    if (folder === undefined || !(await this.#lookInto(folder).catch(() => false))) return undefined;
    return this.#tree.find(path);
  }

  /** Has the entries of a folder made, when they are made on demand only; tells whether they were. */
  async #lookInto({ entry: { kind, image = 0 } }: Node): Promise<boolean> {
    if (kind !== 'folder' || image === 0) return false;
    await this.#images.get(image);
    return true;
  }

  async #sizeOf({ kind, text = '', size, image = 0 }: TreeEntry): Promise<number> {
    return kind === 'image' ? (size ?? this.#images.size(image)) : Buffer.byteLength(text);
  }

  #statOf({ entry, inode }: Node, size: number): Stat {
    const time = entry.seconds * 1000;
    return {
      mode: entry.kind === 'image' && entry.writable ? writableImage : typeBits[entry.kind],
      uid: getuid?.() ?? 0,
      gid: getgid?.() ?? 0,
      size,
      nlink: entry.kind === 'folder' ? 2 : 1,
      ino: inode,
      blksize: preferredRead,
      blocks: Math.ceil(size / 512),
      atime: time,
      mtime: time,
      ctime: time,
    };
  }

  #file(number: number): OpenFile {
    const file = this.#files.get(number);
    if (file === undefined) throw new Refusal(EBADF);
    return file;
  }

  #nextFile(): number {
    do this.#lastFile = (this.#lastFile % mostFiles) + 1;
    while (this.#files.has(this.#lastFile));
    return this.#lastFile;
  }

  /** Makes an event and an errno of what fails. */
  async #guarded<Result>(
    { node }: OpenFile,
    { offset, length }: { readonly offset: number; readonly length: number },
    work: () => Promise<Result>,
  ): Promise<Result> {
    try {
      return await work();
    } catch (error) {
      this.#errors++;
      const { code = 'UNEXPECTED', errno = 0 } = error as Partial<NativeError>;
      if (code === 'OUT_OF_MEMORY') throw new Refusal(ENOMEM);
      const { image = 0 } = node.entry;
      this.#onEvent({ event: 'damaged', image, offset, length, code, message: reasonOf(error) });
      throw new Refusal(code === 'OVERLAY_WRITE' && errno !== 0 ? errno : EIO);
    }
  }
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf('/'), 0));
}

/** As getxattr(2) wants it: who has no room asks for the length. */
function fill(into: Buffer, value: Buffer): number {
  if (into.length === 0) return value.length;
  if (value.length > into.length) throw new Refusal(ERANGE);
  return value.copy(into);
}
