/**
 * A mount that fuse-native serves. What the package leaves undone is done here: it tells nobody when a mount has ended,
 * unmounts through a shell, knows few options, and gives more of an extended attribute than there is room for.
 */
import { readdir, readlink } from 'node:fs/promises';
import { constants } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import type Fuse from 'fuse-native';
import type { Handlers } from 'fuse-native';
import { fail, reasonOf } from '../../../errors.ts';
import type { Content } from '../../../native/images.ts';
import type { Session, SessionOptions, TreeEntry } from '../../../native/session.ts';
import { topMount, unmountFuse } from '../../fuse-mounts.ts';
import { until } from '../../until.ts';
import { Operations } from './operations.ts';
import { Refusal } from './refusal.ts';

const fuseDevice = '/dev/fuse';
const descriptors = '/proc/self/fd';
/** Milliseconds between looks whether a mount has ended. */
const endPeriod = 50;
/** Milliseconds that a mount which is let go may take to end. */
const patience = 5000;
/** The package copies the path, and all options, into 1 KiB each and cuts off what is longer. Its own options are few. */
const mostPath = 1023;
const mostWords = 900;
/** What a session runs belongs to no record: it has ended when the session has. */
const noRecord = '';

/** Mounts. The package comes from the caller, as not every machine has it. */
export async function startSession(Package: typeof Fuse, options: SessionOptions): Promise<Session> {
  const { mountPoint: path, name, allowOther, onEvent } = options;
  const words = wordsOf(options);
  if (Buffer.byteLength(path) > mostPath || Buffer.byteLength(words) > mostWords)
    throw fail('MOUNT_FAILED', { path, reason: 'its name, or that of the repository, is too long for fuse-native' });
  const operations = new Operations(options);
  const common = { timeout: false, allowOther, defaultPermissions: true, kernelCache: true } as const;
  const fuse = new Package(path, handlersOf(operations), { ...common, subtype: words });
  replaceAttributes(fuse, operations);
  // We unmount ourselves, before.
  Package.unmount = (_, done) => done(null);
  const foreign = await connections();
  try {
    await new Promise<void>((resolve, reject) => fuse.mount((error) => (error ? reject(error) : resolve())));
  } catch (cause) {
    // Why, libfuse says on standard error only.
    throw fail('MOUNT_FAILED', { path, reason: `libfuse 2 refuses it (${reasonOf(cause)})` }, { cause });
  }
  // From here until the caller has the session nothing is awaited, so that no event comes before that.
  setImmediate(() => onEvent({ event: 'ready' }));
  return new FuseNativeSession(fuse, operations, { path, name, foreign });
}

interface Place {
  readonly path: string;
  readonly name: string;
  /** Connections of this process that are not the session's. */
  readonly foreign: readonly string[];
}

class FuseNativeSession implements Session {
  readonly finished: Promise<void>;
  readonly #fuse: Fuse;
  readonly #operations: Operations;
  readonly #place: Place;
  readonly #device: Promise<string | null>;
  readonly #stopped = Promise.withResolvers<void>();

  constructor(fuse: Fuse, operations: Operations, place: Place) {
    this.#fuse = fuse;
    this.#operations = operations;
    this.#place = place;
    this.#device = topMount(place.path).then(
      (mounted) => mounted?.device ?? null,
      () => null,
    );
    this.finished = this.#end();
  }

  replace(tree: readonly TreeEntry[]): void {
    this.#operations.replace(tree);
  }

  provide(image: number, content: Content): void {
    this.#operations.images.provide(image, content);
  }

  refuse(image: number, errno: number): void {
    this.#operations.images.refuse(image, errno);
  }

  release(image: number): boolean {
    return this.#operations.releaseImage(image);
  }

  stop(): void {
    this.#operations.images.end();
    // What could not be undone shows by the mount that stays.
    void this.#letGo().then(this.#stopped.resolve, this.#stopped.resolve);
  }

  counters(): ReturnType<Session['counters']> {
    return this.#operations.counters();
  }

  /** Cuts the connection, so that those who have files open get errors, and takes the mount away. */
  async #letGo(): Promise<void> {
    const { path, name } = this.#place;
    const device = await this.#device;
    if (device === null) return;
    await unmountFuse({ kind: 'fuse', at: path, source: name, device }, { force: true, record: noRecord });
  }

  /** Waits until libfuse closes its connection, which it does when the mount has ended, and tells nobody. */
  async #end(): Promise<void> {
    const own = (await connections()).find((name) => !this.#place.foreign.includes(name));
    const isClosed = async () => own === undefined || !(await isConnection(own));
    // Where a connection cannot be cut it lives as long as somebody has a file open; it is not waited for.
    let abandoned = false;
    void this.#stopped.promise
      .then(() => until(isClosed, patience))
      .finally(() => {
        abandoned = true;
      });
    while (!abandoned && !(await isClosed())) await wait(endPeriod);
    this.#operations.images.end();
    // A handle of the package keeps the process alive until then.
    await new Promise<void>((resolve) => this.#fuse.unmount(() => resolve()));
  }
}

/** libfuse's options. The package does not know most of them, but takes any text for the file system's type. */
function wordsOf({ name, writable }: SessionOptions): string {
  return [
    'strata',
    writable ? 'rw,big_writes' : 'ro',
    'use_ino',
    // As libfuse 3 has it.
    'nonempty',
    'max_background=128,congestion_threshold=96',
    `fsname=${name.replaceAll(/[\\,]/g, '\\$&')}`,
  ].join();
}

function handlersOf(operations: Operations): Handlers {
  const inTree = (path: string) => path.slice(1);
  return {
    getattr: (path, done) => answer(() => operations.getattr(inTree(path)), done),
    readlink: (path, done) => answer(() => operations.readlink(inTree(path)), done),
    readdir: (path, done) =>
      answer(
        () => operations.readdir(inTree(path)),
        (result, found) => done(result, found?.names, found?.stats),
      ),
    statfs: (_, done) => answer(async () => operations.statfs(), done),
    open: (path, flags, done) => answer(() => operations.open(inTree(path), flags), done),
    release: (_, file, done) => answer(async () => operations.release(file), done),
    read: (_, file, into, length, offset, done) =>
      answer(() => operations.read(file, into.subarray(0, length), offset), countTo(done)),
    write: (_, file, bytes, length, offset, done) =>
      answer(() => operations.write(file, bytes.subarray(0, length), offset), countTo(done)),
    fsync: (_path, _dataOnly, file, done) => answer(() => operations.fsync(file), done),
    getxattr: () => undefined,
    listxattr: () => undefined,
  };
}

/**
 * Answers for extended attributes in the place of the package: its own handlers are not told how much room there is, and
 * what they give beyond it is read from memory that is not theirs.
 */
function replaceAttributes(fuse: Fuse, operations: Operations): void {
  fuse._op_getxattr = (done, path, name, into) =>
    answer(
      () => operations.getxattr(path.slice(1), name, into),
      countTo((result) => done(result, into.buffer)),
    );
  fuse._op_listxattr = (done, path, into) =>
    answer(
      () => operations.listxattr(path.slice(1), into),
      countTo((result) => done(result, into.buffer)),
    );
}

/** Tells `done` 0 and what `work` gives, or a negative errno. Whatever was thrown into the package would end the process. */
function answer<Result>(work: () => Promise<Result>, done: (result: number, value?: Result) => void): void {
  void work().then(
    (value) => done(0, value),
    (error: unknown) => done(error instanceof Refusal ? -error.errno : -constants.errno.EIO),
  );
}

/** For calls that give a count in the place of 0. */
function countTo(done: (result: number) => void): (result: number, count?: number) => void {
  return (result, count = 0) => done(result === 0 ? count : result);
}

/** The descriptors of this process that are connections to FUSE. */
async function connections(): Promise<string[]> {
  const found: string[] = [];
  for (const name of await readdir(descriptors)) {
    if (await isConnection(name)) found.push(name);
  }
  return found;
}

async function isConnection(descriptor: string): Promise<boolean> {
  return (await readlink(`${descriptors}/${descriptor}`).catch(() => null)) === fuseDevice;
}
