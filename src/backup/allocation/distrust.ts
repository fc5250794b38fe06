/**
 * Distrust: why a map cannot be relied on. It is thrown wherever a parser meets something odd, however deep, and becomes
 * the reason of an unknown allocation: then the whole volume is read, which is always right.
 */
import type { Allocation, Extents } from './allocation.ts';

export class Distrust extends Error {
  override readonly name = 'Distrust';
}

/** Throws the reason unless `holds`. */
export function demand(holds: boolean, reason: string): asserts holds {
  if (!holds) throw new Distrust(reason);
}

/** What `parse` finds; its distrust as the reason of an unknown allocation. Anything else that it throws is a bug. */
export async function unlessDistrusted(fileSystem: string, parse: () => Promise<Extents>): Promise<Allocation> {
  try {
    return { fileSystem, used: await parse() };
  } catch (error) {
    if (error instanceof Distrust) return { fileSystem, unknown: error.message };
    throw error;
  }
}
