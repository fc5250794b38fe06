/** `strata.json`: what a repository is. Plain JSON, so that it can be read without a key. */
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { fail } from '../errors.ts';
import { type LockRule, lockModes, mostLockDays } from './stores/lock.ts';

export const configName = 'strata.json';
export const defaultBlockSize = 262144;
export const smallestBlockSize = 65536;
export const largestBlockSize = 4194304;

const configSchema = z
  .object({
    format: z.literal(1),
    id: z.string().regex(/^[0-9a-f]{32}$/),
    created: z.iso.datetime(),
    blockSize: z.int().refine(isBlockSize),
    packSize: z.int().min(1048576).max(1073741824),
    encryption: z.enum(['aes-256-gcm', 'none']),
    /** What the server of an object store was found to do. */
    storage: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional(),
    /** How objects are locked in object storage. */
    lock: z.object({ mode: z.enum(lockModes), days: z.int().min(1).max(mostLockDays) }).optional(),
    master: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .optional(),
  })
  .refine((config) => (config.encryption === 'none') === (config.master !== undefined));

export type Config = Readonly<z.infer<typeof configSchema>>;

/** A new repository's configuration; `storage`: what the server of its object store can do, null for a folder. */
export function newConfig(
  options: {
    readonly blockSize: number;
    readonly encryption: boolean;
    readonly lock?: LockRule | undefined;
  },
  storage: Config['storage'] | null = null,
): Config {
  const { blockSize, encryption, lock } = options;
  if (!isBlockSize(blockSize)) {
    throw fail('USAGE', {
      problem: `block size ${blockSize} is not a power of two from 64 KiB to 4 MiB`,
    });
  }
  return {
    format: 1,
    id: randomBytes(16).toString('hex'),
    created: new Date().toISOString(),
    blockSize,
    packSize: 33554432,
    encryption: encryption ? 'aes-256-gcm' : 'none',
    ...(storage ? { storage } : {}),
    ...(lock ? { lock } : {}),
    ...(encryption ? {} : { master: randomBytes(32).toString('hex') }),
  };
}

/** Reads the text of a configuration: CONFIG_DAMAGED or FORMAT_NEWER when it is none that this version reads. */
export function parseConfig(text: string): Config {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (error) {
    throw fail('CONFIG_DAMAGED', { what: configName, reason: 'not JSON' }, { cause: error });
  }
  const format = (content as { format?: unknown } | null)?.format;
  if (typeof format === 'number' && Number.isSafeInteger(format) && format > 1) {
    throw fail('FORMAT_NEWER', { what: 'the repository', format });
  }
  const checked = configSchema.safeParse(content);
  if (!checked.success) {
    const fields = checked.error.issues.map((issue) => issue.path.join('.') || 'master').join(', ');
    throw fail('CONFIG_DAMAGED', { what: configName, reason: `wrong ${fields}` }, { cause: checked.error });
  }
  return checked.data;
}

function isBlockSize(value: number): boolean {
  return value >= smallestBlockSize && value <= largestBlockSize && Number.isInteger(Math.log2(value));
}
