/**
 * What the drivers dattobd and elastio-snap say of the devices that they follow (/proc/datto-info,
 * /proc/elastio-snap-info): a JSON document, in which paths stand as they are, without the escapes of JSON.
 */
import { z } from 'zod';

export interface Tracer {
  readonly minor: number;
  /** Relative to where its file system is mounted; of an unverified one as it was given. */
  readonly cowFile: string;
  readonly device: string;
  /** Whether it shows the device as it was, or only notes what is written to. */
  readonly mode: 'snapshot' | 'incremental';
  /**
   * At work; at rest since the file system was unmounted; or waiting, since the machine started, for it to be mounted.
   * Writes at the moment of going to rest are missed.
   */
  readonly activity: 'active' | 'dormant' | 'unverified';
  /** A negative errno: then it has failed, and knows nothing any more. */
  readonly error: number | null;
  /** The series of its snapshots; null of an unverified one. */
  readonly series: Series | null;
  /** Bytes: the most memory for its index, and what its file was made with (null of an unverified one). */
  readonly mostCache: number;
  readonly room: number | null;
}

export interface Series {
  /** 32 hex digits; the same until the tracer is destroyed. */
  readonly uuid: string;
  /** 1 for the first snapshot; each next one counts one more. */
  readonly sequence: number;
  /** Version of the format of its file, and blocks noted since the snapshot; null of version 0. */
  readonly version: number | null;
  readonly changedBlocks: number | null;
}

export interface DriverState {
  readonly version: string;
  readonly tracers: readonly Tracer[];
}

const longest = 4 * 1024 ** 2;
const bytes = z.int().nonnegative();

/** Bits of `state`. */
const [inSnapshotMode, isActive, isUnverified] = [1, 2, 4];

/** Fields that are not known are of a newer driver, and stay unread. */
const tracerSchema = z
  .object({
    minor: z.int().min(0).max(1_048_575),
    cow_file: z.string().min(1),
    block_device: z.string().min(1),
    max_cache: bytes,
    fallocate: bytes.optional(),
    seq_id: z.int().positive().optional(),
    uuid: z
      .string()
      .regex(/^[0-9a-f]{32}$/)
      .optional(),
    version: bytes.optional(),
    nr_changed_blocks: bytes.optional(),
    error: z.int().negative().optional(),
    state: z.int().min(0).max(5),
  })
  .refine(({ seq_id, uuid }) => (seq_id === undefined) === (uuid === undefined), 'a series has uuid and seq_id');

const documentSchema = z.object({
  version: z.string(),
  devices: z
    .array(tracerSchema)
    .refine((devices) => new Set(devices.map(({ minor }) => minor)).size === devices.length, 'a minor is there twice'),
});

/** Throws unless it is what a driver says. */
export function parseDriverState(text: string): DriverState {
  if (text.length > longest) throw new Error('it is longer than any driver makes it');
  const { version, devices } = documentSchema.parse(JSON.parse(withEscapes(text)));
  return { version, tracers: devices.map(tracerFrom) };
}

function tracerFrom(found: z.infer<typeof tracerSchema>): Tracer {
  const { minor, state, uuid, seq_id: sequence } = found;
  const activity = (state & isUnverified) !== 0 ? 'unverified' : (state & isActive) !== 0 ? 'active' : 'dormant';
  return {
    minor,
    cowFile: found.cow_file,
    device: found.block_device,
    mode: (state & inSnapshotMode) !== 0 ? 'snapshot' : 'incremental',
    activity,
    error: found.error ?? null,
    series:
      uuid === undefined || sequence === undefined
        ? null
        : { uuid, sequence, version: found.version ?? null, changedBlocks: found.nr_changed_blocks ?? null },
    mostCache: found.max_cache,
    room: found.fallocate ?? null,
  };
}

/** Each field has a line of its own; what stands between the first and the last quote of a path is the path. */
function withEscapes(text: string): string {
  return text.replace(/^(\s*"(?:cow_file|block_device)": )"(.*)",$/gm, (_, name: string, path: string) => {
    return `${name}${JSON.stringify(path)},`;
  });
}
