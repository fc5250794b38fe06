/** The manifest of a restore point: the record whose existence makes the point exist (docs/format.md, Manifest). */
import { z } from 'zod';
import { fail } from '../errors.ts';

const bytes = z.int().nonnegative();
const pointId = z.string().regex(/^[0-9a-f]{24}$/);
const digest = z.string().regex(/^[0-9a-f]{64}$/);
/** Names become folders of the mount tree. */
export const diskName = z
  .string()
  .regex(/^(?!\.{1,2}$)[^/\\\p{Cc}\p{Zl}\p{Zp}\p{Cs}]+$/u)
  .refine((name) => Buffer.byteLength(name) <= 255);

const column = z.object({
  bytes,
  indexOffset: bytes,
  indexLength: bytes,
  indexDigest: digest,
});

/** Columns of a point's map that lie elsewhere than its manifest says, each with the name of its object. */
export const movedColumns = z.object({
  loc: column.extend({ name: z.string() }).optional(),
  dig: column.extend({ name: z.string() }).optional(),
});

const manifestSchema = z
  .object({
    format: z.literal(1),
    id: pointId,
    machine: diskName,
    disk: diskName,
    time: z.iso.datetime({ precision: 3 }),
    kind: z.enum(['full', 'incremental', 'synthetic']),
    parent: pointId.nullable(),
    chainLength: z.int().positive(),
    size: z.int().positive(),
    blockSize: z.int().min(65536).max(4194304).refine(isPowerOfTwo),
    root: digest,
    map: z.object({
      loc: column,
      dig: column,
      dataBlocks: bytes,
      zeroBlocks: bytes,
    }),
    type: z.string(),
    tags: z.array(z.string()),
    note: z.string(),
    source: z.object({
      path: z.string(),
      kind: z.enum(['file', 'device', 'stream']),
    }),
    snapshot: z.string(),
    tracker: z.string(),
    /** What the content is worth; absent on points of before there were snapshots: nothing kept the source still. */
    consistency: z.enum(['application', 'file-system', 'crash', 'none']).optional(),
    /** What a tracker did for this point, or why none did; absent when there was none to ask. */
    tracking: z
      .object({
        /** The point that it compared with; null: everything was read, for this reason. */
        since: pointId.nullable(),
        reason: z.string().nullable(),
        /** Blocks that it called unchanged and that were read nevertheless; all were. */
        auditedBlocks: bytes,
        /** The file or volume that is kept for the next backup on the machine that made the point, or what else it needs then. */
        kept: z
          .object({
            path: z.string(),
            generation: z.string(),
            /** Extents of the disk that may change without the tracker's knowing. */
            untracked: z
              .array(z.tuple([bytes, z.int().positive()]).readonly())
              .readonly()
              .optional(),
          })
          .optional(),
        /** A tracker that was wrong once, and is not asked any more. */
        distrusted: z.object({ tracker: z.string(), reason: z.string() }).optional(),
      })
      .optional(),
    /** What the file systems said of their volumes; absent when they were not asked. */
    allocation: z
      .array(
        z.object({
          partition: z.int().positive().nullable(),
          offset: bytes,
          size: bytes,
          fileSystem: z.string().nullable(),
          used: bytes.nullable(),
          reason: z.string().nullable(),
        }),
      )
      .optional(),
    /** Bytes that were not read: nobody used them, and they are zero; or they had not changed. Absent: all was read. */
    skipped: z.object({ unallocated: bytes, unchanged: bytes }).optional(),
    /** What it has in common with the other disks that its run backed up; absent when it was the only one. */
    group: z
      .object({
        id: z.string().regex(/^[0-9a-f]{24}$/),
        /** Whether it shows the same instant as all others of the group that say so. */
        oneInstant: z.boolean(),
      })
      .optional(),
    unreadable: z.array(z.tuple([bytes, z.int().positive()])),
    warnings: z.array(z.object({ code: z.string(), message: z.string() })),
    /** Of a synthetic full only: the point that it equals, how many points were merged, and how. */
    synthesis: z
      .object({ of: pointId, mergedPoints: z.int().positive(), mode: z.enum(['reference', 'copy']) })
      .optional(),
    stats: z.object({
      bytesRead: bytes,
      bytesNew: bytes,
      bytesStored: bytes,
      blocks: z.object({ changed: bytes, zero: bytes, deduplicated: bytes }),
      seconds: z.number().nonnegative(),
    }),
    host: z.string(),
    software: z.string(),
  })
  .superRefine((manifest, context) => {
    const { map, size, blockSize } = manifest;
    const wrong = (message: string) => context.addIssue({ code: 'custom', message });
    if ((manifest.kind === 'incremental') !== (manifest.parent !== null))
      wrong('kind and parent contradict each other');
    if ((manifest.parent === null) !== (manifest.chainLength === 1))
      wrong('parent and chainLength contradict each other');
    if ((manifest.kind === 'synthetic') !== (manifest.synthesis !== undefined))
      wrong('kind and synthesis contradict each other');
    if (manifest.parent === manifest.id) wrong('the point is its own parent');
    if (map.dataBlocks + map.zeroBlocks > Math.ceil(size / blockSize))
      wrong('the map names more blocks than the disk has');
    for (const { bytes, indexOffset, indexLength } of [map.loc, map.dig]) {
      if (indexOffset + indexLength > bytes) wrong('a map index lies outside its file');
    }
    for (const [offset, length] of manifest.unreadable) {
      if (offset + length > size) wrong('an unreadable range lies outside the disk');
    }
  });

export type Manifest = Readonly<z.infer<typeof manifestSchema>>;
export type MapColumn = Manifest['map']['loc'];
export type MovedColumns = Readonly<z.infer<typeof movedColumns>>;

/** Name of a point's manifest in the store. */
export function manifestName(id: string): string {
  return `points/${id}`;
}

/** Name of one column of a point's map in the store, as the run that made the point wrote it. */
export function columnName(id: string, column: 'loc' | 'dig'): string {
  return `maps/${id}.${column}`;
}

/** Checks the content of the manifest of point `id`: MANIFEST_DAMAGED unless it is one, whole and of that point. */
export function checkManifest(id: string, content: unknown): Manifest {
  const name = manifestName(id);
  const format = (content as { format?: unknown } | null)?.format;
  if (typeof format === 'number' && Number.isSafeInteger(format) && format > 1) {
    throw fail('FORMAT_NEWER', { what: `manifest ${name}`, format });
  }
  const checked = manifestSchema.safeParse(content);
  if (!checked.success) {
    const [issue] = checked.error.issues;
    const reason = [issue?.path.join('.'), issue?.message].filter(Boolean).join(': ');
    throw fail('MANIFEST_DAMAGED', { name, reason }, { cause: checked.error });
  }
  if (checked.data.id !== id)
    throw fail('MANIFEST_DAMAGED', {
      name,
      reason: `it is of point ${checked.data.id}`,
    });
  return checked.data;
}

function isPowerOfTwo(value: number): boolean {
  return Number.isInteger(Math.log2(value));
}
