/**
 * Allocation maps: which extents of a volume its file system uses, read from the volume itself. What is not used is not
 * read by a backup, so a used extent taken as free is lost: a parser that has any doubt says that it does not know.
 */
import type { Volume } from './volume.ts';

/** Extents as [offset, length] in bytes, ascending, disjoint, not touching. */
export type Extents = readonly (readonly [number, number])[];

/**
 * What a file system says of its volume: the extents that hold anything, or why it cannot be trusted to say (then all of
 * it is read). Used are also its own tables, its boot sector, and what lies behind its end in the volume. It is named as
 * `identifyFileSystem` names it (src/repository/layout/file-system.ts).
 */
export type Allocation =
  | { readonly fileSystem: string; readonly used: Extents }
  | { readonly fileSystem: string; readonly unknown: string };

/** null when this is not its file system. */
export type AllocationParser = (volume: Volume) => Promise<Allocation | null>;
