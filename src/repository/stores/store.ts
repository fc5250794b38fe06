/**
 * The object store: immutable objects under names as in docs/format.md (`points/5f0c…`, `packs/3a/…`).
 *
 * An object appears whole or not at all, is durable when the call that creates it returns, and is never changed.
 * Creation is conditional: of two writers of one name, exactly one succeeds and the other gets OBJECT_EXISTS.
 * Every failure is a StrataError.
 */
import type { StrataError } from '../../errors.ts';
import type { PackPlace, PackRef } from '../../native/maps.ts';
import type { LockedObject, LockRule, ObjectLocks } from './lock.ts';
import type { Traffic } from './traffic.ts';

export interface StoredObject {
  readonly name: string;
  readonly bytes: number;
  readonly modified: Date;
}

export type SizedObject = Pick<StoredObject, 'name' | 'bytes'>;

/** A range of an object. */
export interface ObjectRange {
  readonly name: string;
  readonly offset: number;
  readonly length: number;
}

/** How a store makes objects of others, by itself. */
export interface Joining {
  /** Bytes of the shortest range. */
  readonly smallestPart: number;
  /**
   * Creates an object of ranges of others, one behind the other, and of a finished file of the spool folder, which is gone afterwards. The
   * ranges must lie within their objects.
   */
  join(name: string, ranges: readonly ObjectRange[], spoolFile: string): Promise<void>;
}

export interface ObjectStore {
  /** Where the objects lie, for messages. */
  readonly location: string;
  /** The folder that they lie in; null: elsewhere. */
  readonly folder: string | null;
  /** Milliseconds that the clock of the server is ahead of ours; null for a folder, and until it has answered. */
  readonly clockAhead: number | null;
  /** What went over the network; null for a folder. */
  readonly traffic: Traffic | null;
  /** Null: it cannot. A server may still turn out not to (`partCopy` of the configuration). */
  readonly joining: Joining | null;
  /** The locks on objects; null: nothing is locked. */
  readonly locks: ObjectLocks | null;
  /** From now on what is created is locked by this rule, as far as the store can; a folder cannot. */
  lockBy(rule: LockRule): void;
  /** Where the addon reads packs. */
  readonly packs: PackPlace;
  /** Creates an object. */
  put(name: string, content: Uint8Array): Promise<void>;
  /** Creates an object from a finished file of the spool folder; the file is gone afterwards. */
  adopt(name: string, spoolFile: string): Promise<void>;
  /** The whole object; OBJECT_MISSING when there is none. */
  get(name: string): Promise<Buffer>;
  /** Whole objects, in the order of their names; null for one that is not there, and what kept one from being read. */
  getAll(names: readonly string[]): Promise<(Buffer | null | StrataError)[]>;
  /**
   * The same of objects that were just listed and never change: copies of them will do. `all`: the names of all of their kind, when these
   * are some of them.
   */
  getListed(names: readonly string[], all?: readonly string[]): Promise<(Buffer | null | StrataError)[]>;
  stat(name: string): Promise<StoredObject | null>;
  /** All objects whose names begin with `prefix`, in no particular order; objects that come or go meanwhile may be missed. */
  list(prefix: string): AsyncIterable<StoredObject>;
  /** The names alone, which costs less. */
  names(prefix: string): AsyncIterable<string>;
  /** Removes an object; one that is not there is as good as removed. OBJECT_LOCKED. */
  remove(name: string): Promise<void>;
  /** Removes objects in no particular order; gives those that are locked, which stay. When it fails, some are gone and some are not. */
  removeAll(names: readonly string[]): Promise<readonly LockedObject[]>;
  /** A part of an object, shorter when it ends before; OBJECT_MISSING. */
  getRange(name: string, offset: number, length: number): Promise<Buffer>;
  /** How the addon is told of a pack. */
  packRef(id: string, name: string, bytes: number): PackRef;
  /**
   * Has objects of about these sizes at their local paths, for as long as the store is open. Returns their true sizes; null for one
   * that is not there.
   */
  bring(objects: readonly SizedObject[]): Promise<(number | null)[]>;
  /** Path at which the addon can read an object once it was brought. */
  localPath(name: string): string;
  /** The folder for unfinished files of a run; made when it is not there. */
  spool(run: string): Promise<string>;
  /** Runs that have a spool folder. */
  spools(): Promise<readonly string[]>;
  /** Sends the rest of the packs of a backup that died while they were sent in parts from this machine, if their files are in its spool folder still. */
  finishUploads(run: string): Promise<void>;
  /** Removes the spool folder of a run and what is in it. */
  clearSpool(run: string): Promise<void>;
  /** Removes what writes left behind that were killed before this instant, or that are of runs known to be dead. */
  clearUnfinished(before: Date, deadRuns: ReadonlySet<string>): Promise<void>;
  close(): Promise<void>;
}
