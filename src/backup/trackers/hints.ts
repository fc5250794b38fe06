/** What the caller says has changed: a JSON document `{"since": POINT, "extents": [[offset, length], …]}`. */
import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { z } from 'zod';
import { fail, fromSystem } from '../../errors.ts';
import { bytesIn, complement, extentsOf } from '../allocation/extents.ts';
import type { Tracker } from './tracker.ts';

const hintsSchema = z.object({
  /** Id of the point since which this is all that changed. */
  since: z.string().regex(/^[0-9a-f]{24}$/),
  extents: z.array(z.tuple([z.int().nonnegative(), z.int().nonnegative()])),
});

export type Hints = Readonly<z.infer<typeof hintsSchema>>;

/** Reads hints from a file, or from standard input (`-`): HINTS_UNSUITABLE. */
export async function readHints(path: string): Promise<Hints> {
  const content = await (path === '-' ? text(process.stdin) : readFile(path, 'utf8')).catch((error: unknown) => {
    throw fromSystem(error, `cannot read ${path}`);
  });
  return checkHints(path, content);
}

export function checkHints(path: string, content: string): Hints {
  let document: unknown;
  try {
    document = JSON.parse(content);
  } catch (cause) {
    throw fail('HINTS_UNSUITABLE', { path, reason: 'it is not JSON' }, { cause });
  }
  const { data, error } = hintsSchema.safeParse(document);
  if (data !== undefined) return data;
  const [issue] = error.issues;
  throw fail('HINTS_UNSUITABLE', { path, reason: `${issue?.path.join('.')}: ${issue?.message}` });
}

/** HINTS_UNSUITABLE unless they are of the very point that this one will stand on. */
export function hintsTracker(path: string, { since, extents }: Hints): Tracker {
  return {
    name: 'hints',
    async since(parent, { view: { size } }) {
      if (parent.id !== since) {
        throw fail('HINTS_UNSUITABLE', {
          path,
          reason: `it tells of changes since ${since}, the newest point is ${parent.id}`,
        });
      }
      const changed = extentsOf(extents);
      return { unchanged: complement(changed, size ?? 0), changedBytes: bytesIn(changed) };
    },
  };
}
