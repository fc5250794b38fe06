/**
 * The versions in a bucket that keeps them.
 *
 * There a condition on a request does not keep one writer from another on every server, and whoever may write can lay a new version, or
 * a marker of deletion, over any object. But a version never changes, and each is listed behind those that were there before it. So the
 * object of a key is its *first* version: who creates one lays a version and then looks whether it is the first; readers ask for the first by its id,
 * and see through whatever lies on it (docs/design.md, Object storage).
 */
import {
  DeleteObjectCommand,
  DeleteObjectsCommand,
  ListObjectVersionsCommand,
  type ListObjectVersionsCommandInput,
} from '@aws-sdk/client-s3';
import { fail, isStrataError } from '../../../errors.ts';
import type { Requests } from './requests.ts';

export interface FirstVersion {
  readonly key: string;
  readonly id: string;
  readonly bytes: number;
  readonly modified: Date;
  readonly etag: string;
}

interface Removable {
  readonly key: string;
  /** Version by version; what lies on the first before the first, for else it would become the object. */
  readonly first: string | null;
  readonly others: readonly string[];
}

interface Found extends Removable {
  readonly object: FirstVersion | null;
}

type Target = { readonly Key: string; readonly VersionId: string };

const entriesAtOnce = 1000;

export class Versions {
  readonly #requests: Requests;
  /** What was met, by key: a first version stays the first as long as it is there. */
  readonly #known = new Map<string, Removable>();

  constructor(requests: Requests) {
    this.#requests = requests;
  }

  /** Of all keys that begin with `prefix` the first version, a page at a time. */
  async *list(prefix: string): AsyncIterable<readonly FirstVersion[]> {
    for await (const page of this.#pages(prefix)) {
      for (const { key, first, others } of page) this.#known.set(key, { key, first, others });
      yield page.flatMap(({ object }) => object ?? []);
    }
  }

  /** The first version of a key, as it is now; null when there is none. */
  async look(key: string): Promise<FirstVersion | null> {
    const found = await this.#find(key);
    return found?.object ?? null;
  }

  /** The id of the first version of a key: OBJECT_MISSING when there is none. */
  async idOf(key: string): Promise<string> {
    const first = this.#known.get(key)?.first ?? (await this.look(key))?.id;
    if (first === undefined) throw fail('OBJECT_MISSING', { name: key });
    return first;
  }

  /**
   * Whether the version that was just laid is the object. One that is not is taken away again, unless `isSame` finds that the object is what
   * was laid: its answer was lost, and it was sent once more.
   */
  async won(key: string, id: string, isSame: () => Promise<boolean>): Promise<boolean> {
    const first = await this.look(key);
    if (first?.id === id) return true;
    const won = first !== null && (await isSame());
    await this.removeVersion(key, id).catch(unlessForbidden);
    return won;
  }

  /** Removes objects with all of their versions; gives the keys of those that the server keeps, each with a version that it keeps. */
  async remove(keys: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const found: Removable[] = [];
    for (const key of keys) {
      const known = this.#known.get(key) ?? (await this.#find(key));
      if (known !== null) found.push(known);
      this.#known.delete(key);
    }
    const kept = await this.#removeAll(found.flatMap(({ key, others }) => targets(key, others)));
    const bare = found.filter(({ key }) => !kept.has(key));
    const firsts = await this.#removeAll(bare.flatMap(({ key, first }) => targets(key, first ? [first] : [])));
    return new Map([...kept, ...firsts]);
  }

  /** Removes one version; says why when it cannot be. */
  async removeVersion(key: string, id: string): Promise<void> {
    const { client, name } = this.#requests;
    await this.#requests.send(
      'DeleteObject',
      key,
      (options) => client.send(new DeleteObjectCommand({ Bucket: name, Key: key, VersionId: id }), options),
      { permission: 's3:DeleteObjectVersion' },
    );
  }

  /** Removes versions; gives those that the server did not remove, by key. */
  async #removeAll(versions: readonly Target[]): Promise<Map<string, string>> {
    const { client, name } = this.#requests;
    const kept = new Map<string, string>();
    for (let at = 0; at < versions.length; at += entriesAtOnce) {
      const Delete = { Objects: versions.slice(at, at + entriesAtOnce), Quiet: true };
      const { Errors = [] } = await this.#requests.send(
        'DeleteObjects',
        '',
        (options) => client.send(new DeleteObjectsCommand({ Bucket: name, Delete }), options),
        { permission: 's3:DeleteObjectVersion' },
      );
      for (const { Key = '', VersionId = '', Code } of Errors) if (Code !== 'NoSuchVersion') kept.set(Key, VersionId);
    }
    return kept;
  }

  async #find(key: string): Promise<Found | null> {
    for await (const page of this.#pages(key)) {
      // Keys that begin with this one come after it.
      const [found] = page;
      if (found === undefined) continue;
      if (found.key !== key) break;
      this.#known.set(key, { key, first: found.first, others: found.others });
      return found;
    }
    this.#known.delete(key);
    return null;
  }

  /** Keys with all of their versions, page by page. */
  async *#pages(prefix: string): AsyncIterable<readonly Found[]> {
    const { client, name } = this.#requests;
    let pending = new Map<string, { ids: string[]; object: FirstVersion | null }>();
    for (let marker: Partial<ListObjectVersionsCommandInput> = {}; ; ) {
      const page = await this.#requests.send(
        'ListObjectVersions',
        prefix,
        (options) =>
          client.send(
            new ListObjectVersionsCommand({ Bucket: name, Prefix: prefix, MaxKeys: entriesAtOnce, ...marker }),
            options,
          ),
        { permission: 's3:ListBucketVersions' },
      );
      const groupOf = (key: string) => {
        const group = pending.get(key) ?? { ids: [], object: null };
        pending.set(key, group);
        return group;
      };
      for (const {
        Key: key = '',
        VersionId: id = 'null',
        Size = 0,
        LastModified = new Date(0),
        ETag = '',
      } of page.Versions ?? []) {
        const group = groupOf(key);
        if (group.object !== null) group.ids.push(group.object.id);
        // The newest is listed first.
        group.object = { key, id, bytes: Size, modified: LastModified, etag: ETag };
      }
      for (const { Key = '', VersionId = 'null' } of page.DeleteMarkers ?? []) groupOf(Key).ids.push(VersionId);
      // The last key of a page may have more versions on the next.
      const last = page.IsTruncated ? page.NextKeyMarker : undefined;
      const complete = [...pending].filter(([key]) => key !== last);
      const rest = [...pending].filter(([key]) => key === last);
      pending = new Map(rest);
      const found = complete.map(([key, { ids, object }]) => ({ key, object, first: object?.id ?? null, others: ids }));
      yield found.sort((a, b) => (a.key < b.key ? -1 : 1));
      if (!page.IsTruncated) return;
      marker = { KeyMarker: page.NextKeyMarker, VersionIdMarker: page.NextVersionIdMarker };
    }
  }
}

function targets(key: string, ids: readonly string[]): Target[] {
  return ids.map((id) => ({ Key: key, VersionId: id }));
}

/** Who may only add leaves it lying behind the first, where nobody reads it. */
function unlessForbidden(error: unknown): void {
  if (!isStrataError(error, 'STORAGE_FORBIDDEN')) throw error;
}
