/** The names that a mount shows, found by their path: what native/fuse/tree.h is to the addon's session. */
import { fail } from '../../../errors.ts';
import type { TreeEntry } from '../../../native/session.ts';

export interface Node {
  readonly entry: TreeEntry;
  readonly inode: number;
  /** Of a folder's entries, in their order. */
  readonly names: readonly string[];
  /** Extended ones, by their full name. */
  readonly attributes: ReadonlyMap<string, string>;
}

const root: TreeEntry = { path: '', kind: 'folder', seconds: 0 };

export class NodeTree {
  readonly #nodes = new Map<string, Node & { readonly names: string[] }>();

  constructor(entries: readonly TreeEntry[]) {
    this.#add(root);
    for (const entry of entries) {
      const slash = entry.path.lastIndexOf('/');
      const folder = this.#nodes.get(entry.path.slice(0, Math.max(slash, 0)));
      if (folder?.entry.kind !== 'folder')
        throw fail('NATIVE_ARGUMENT', { reason: `an entry of the tree without its folder: ${entry.path}` });
      folder.names.push(entry.path.slice(slash + 1));
      this.#add(entry);
    }
  }

  /** Entries, with the root. */
  get size(): number {
    return this.#nodes.size;
  }

  /** `path`: from the root, without a slash at its beginning. */
  find(path: string): Node | undefined {
    return this.#nodes.get(path);
  }

  #add(entry: TreeEntry): void {
    const attributes = Object.entries(entry.attributes ?? {}).map(
      ([name, text]) => [`user.strata.${name}`, text] as const,
    );
    this.#nodes.set(entry.path, { entry, inode: inodeOf(entry.path), names: [], attributes: new Map(attributes) });
  }
}

/**
 * The inode number of a path: the lower half of the addon's (`inode_of` in native/fuse/tree.h), as fuse-native takes no
 * more than 32 bits. In FNV-1a no bit depends on higher ones.
 */
export function inodeOf(path: string): number {
  if (path === '') return 1;
  let hash = 0x84222325;
  for (const byte of Buffer.from(path)) hash = Math.imul(hash ^ byte, 0x1b3);
  const number = hash >>> 0;
  return number < 2 ? number + 2 : number;
}
