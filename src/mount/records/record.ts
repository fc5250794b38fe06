/**
 * What is written down about a mount, a drive or an NBD export, before each step of making it: whoever finds the record of a killed
 * process can undo all that was done, and knows that it is ours.
 */
import { z } from 'zod';

const processSchema = z.object({ pid: z.int().positive(), start: z.string(), pidNamespace: z.string() });

/** A folder that we made. */
const folderSchema = z.object({ kind: z.literal('folder'), path: z.string() });

const loopSchema = z.object({
  kind: z.literal('loop'),
  device: z.string().regex(/^\/dev\/loop\d+$/),
  /** The file that it shows, and which bytes of it; length 0 means to its end. */
  image: z.string(),
  offset: z.int().nonnegative(),
  length: z.int().nonnegative(),
  readOnly: z.boolean(),
  /** The kernel's number of this use of the device (diskseq); null while it is being made, and before Linux 5.15. */
  sequence: z.string().nullable(),
});

const fileSystemSchema = z.object({
  kind: z.literal('file-system'),
  /** A loop device that is a piece too. */
  device: z.string(),
  at: z.string(),
});

const fuseSchema = z.object({
  kind: z.literal('fuse'),
  at: z.string(),
  /** `fsname` of the mount. */
  source: z.string().startsWith('strata'),
  /** `0:n` of mountinfo; null while it is being made. */
  device: z.string().nullable(),
});

/** The file of a socket that we listen on. */
const socketSchema = z.object({ kind: z.literal('socket'), path: z.string() });

/** An overlay that nobody named, and that goes with what it was made for. */
const overlaySchema = z.object({ kind: z.literal('overlay'), path: z.string() });

const pieceSchema = z.discriminatedUnion('kind', [
  folderSchema,
  loopSchema,
  fileSystemSchema,
  fuseSchema,
  socketSchema,
  overlaySchema,
]);

export const recordSchema = z.object({
  format: z.literal(1),
  id: z.string().regex(/^[0-9a-f]{8}$/),
  /** A mount shows points as files; a drive shows one as devices; an export serves one over NBD. */
  kind: z.enum(['mount', 'drive', 'nbd']),
  state: z.enum(['making', 'ready', 'ending']),
  /** Where the repository is, and which point is shown; null for all points. */
  repository: z.string(),
  point: z.string().nullable(),
  /** Id of the mount that a drive stands on. */
  standsOn: z.string().nullable(),
  since: z.iso.datetime(),
  bootId: z.string(),
  /** Without this process it is of no use: who makes or ends it, then who serves it; null when it needs nobody. */
  owner: processSchema.nullable(),
  /** The process that a mount of one point is for, until a drive stands on it and when none does any more. */
  client: processSchema.nullable().default(null),
  /** The file that writes go to; it is kept, whatever is undone, unless it is a piece. */
  overlay: z.string().nullable(),
  /** Whether that file goes when the drive is detached: nobody named it. */
  throwaway: z.boolean().optional(),
  /** What clients of an export connect to, once they can. */
  uri: z.string().nullable().default(null),
  /** In the order in which they are made; undone in the reverse. */
  pieces: z.array(pieceSchema),
});

export type MountRecord = Readonly<z.infer<typeof recordSchema>>;
export type Piece = Readonly<z.infer<typeof pieceSchema>>;
export type FolderPiece = Readonly<z.infer<typeof folderSchema>>;
export type LoopPiece = Readonly<z.infer<typeof loopSchema>>;
export type FileSystemPiece = Readonly<z.infer<typeof fileSystemSchema>>;
export type FusePiece = Readonly<z.infer<typeof fuseSchema>>;

/** Whether the overlay of a record goes when it is undone. */
export function losesOverlay({ pieces }: MountRecord): boolean {
  return pieces.some(({ kind }) => kind === 'overlay');
}

/** The loop pieces of a record. */
export function loopsOf(record: MountRecord): LoopPiece[] {
  return record.pieces.filter((piece) => piece.kind === 'loop');
}

/** The file systems that a record has mounted. */
export function fileSystemsOf(record: MountRecord): FileSystemPiece[] {
  return record.pieces.filter((piece) => piece.kind === 'file-system');
}
