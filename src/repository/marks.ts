/**
 * Facts about a point found after it was made: `marks/<point>.<kind>.<n>`. The highest number holds; who writes a new
 * one removes those before it, so that marks set again and again do not pile up.
 */
import { z } from 'zod';
import { type ErrorCode, isStrataError } from '../errors.ts';
import { concurrently } from './concurrently.ts';
import { type MovedColumns, movedColumns } from './manifest.ts';
import { openRecord, sealRecord } from './record.ts';
import type { Repository } from './repository.ts';

export type MarkKind = 'forgotten' | 'protected' | 'verified' | 'moved';

const markSchema = z.object({
  value: z.boolean(),
  time: z.iso.datetime(),
  /** Of `moved`: where columns of the point's map lie now. */
  columns: movedColumns.optional(),
});

export type Mark = Readonly<z.infer<typeof markSchema>>;
export type Marks = Readonly<Partial<Record<MarkKind, Mark>>>;

export interface DamagedMark {
  readonly name: string;
  readonly code: ErrorCode;
  readonly message: string;
}

interface Place {
  readonly name: string;
  readonly point: string;
  readonly kind: MarkKind;
  readonly n: number;
}

interface WhichMarks {
  readonly point?: string;
  readonly kind?: MarkKind;
  /** Marks by their names, read before: they never change. */
  readonly known?: ReadonlyMap<string, Mark>;
  /** Is given those that hold and are whole, by their names. */
  readonly seen?: Map<string, Mark>;
}

/** The marks that hold, by point; of one point or one kind only, when it is given. */
export async function readMarks(
  repo: Repository,
  { point = '', kind, known, seen }: WhichMarks = {},
): Promise<{ marks: Map<string, Marks>; damaged: DamagedMark[] }> {
  const marks = new Map<string, Marks>();
  const damaged: DamagedMark[] = [];
  const found = await newestPlaces(repo, `marks/${point}`);
  const wanted = found.filter((place) => kind === undefined || place.kind === kind);
  await concurrently(wanted, 16, async (place) => {
    const mark = known?.get(place.name) ?? (await readMark(repo, place, damaged));
    if (mark !== null && !damaged.some(({ name }) => name === place.name)) seen?.set(place.name, mark);
    if (mark !== null) marks.set(place.point, { ...marks.get(place.point), [place.kind]: mark });
  });
  return { marks, damaged };
}

/** Sets or takes back a mark of a point. */
export async function writeMark(
  repo: Repository,
  point: string,
  kind: MarkKind,
  value: boolean,
  columns?: MovedColumns,
): Promise<void> {
  const before = await places(repo, `marks/${point}.${kind}.`);
  const n = 1 + Math.max(0, ...before.map((place) => place.n));
  const name = `marks/${point}.${kind}.${n}`;
  const mark: Mark = { value, time: new Date().toISOString(), columns };
  try {
    await repo.store.put(name, sealRecord(repo.vault, name, mark));
  } catch (error) {
    // Another process was faster by an instant: what is said now counts after what it said.
    if (isStrataError(error, 'OBJECT_EXISTS')) return writeMark(repo, point, kind, value, columns);
    throw error;
  }
  for (const place of before) await removeOlder(repo, place);
}

/** Those before the highest count for nothing: one that is locked, or that the writer may not remove, goes with its point. */
async function removeOlder(repo: Repository, { name }: Place): Promise<void> {
  try {
    await repo.store.remove(name);
  } catch (error) {
    if (!isStrataError(error, 'OBJECT_LOCKED', 'STORAGE_FORBIDDEN')) throw error;
  }
}

/** Of each kind of mark of each point the one that holds. */
async function newestPlaces(repo: Repository, prefix: string): Promise<Place[]> {
  const newest = new Map<string, Place>();
  for (const place of await places(repo, prefix)) {
    const key = `${place.point}.${place.kind}`;
    if ((newest.get(key)?.n ?? -1) < place.n) newest.set(key, place);
  }
  return [...newest.values()];
}

async function places(repo: Repository, prefix: string): Promise<Place[]> {
  const found: Place[] = [];
  for await (const name of repo.store.names(prefix)) {
    const [, point, kind, n] =
      /^marks\/([0-9a-f]{24})\.(forgotten|protected|verified|moved)\.(\d{1,15})$/.exec(name) ?? [];
    if (point !== undefined) found.push({ name, point, kind: kind as MarkKind, n: Number(n) });
  }
  return found;
}

/** A mark that cannot be read counts for the careful side: protected, but neither forgotten nor verified nor moved. */
async function readMark(repo: Repository, place: Place, damaged: DamagedMark[]): Promise<Mark | null> {
  try {
    return markSchema.parse(openRecord(repo.vault, place.name, await repo.store.get(place.name)));
  } catch (error) {
    if (isStrataError(error, 'OBJECT_MISSING')) {
      // Removed meanwhile by who wrote a newer one.
      const [newer] = await newestPlaces(repo, `marks/${place.point}.${place.kind}.`);
      return newer === undefined ? null : readMark(repo, newer, damaged);
    }
    if (!isStrataError(error, 'FRAME_DAMAGED') && !(error instanceof z.ZodError)) throw error;
    damaged.push({ name: place.name, code: 'FRAME_DAMAGED', message: `mark ${place.name} is damaged` });
    return { value: place.kind === 'protected', time: new Date(0).toISOString() };
  }
}
