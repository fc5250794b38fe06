/** Protecting points: a protected one is never forgotten, until that is taken back. */
import { fail } from '../errors.ts';
import { refuseDoubt } from './forget.ts';
import { readMarks, writeMark } from './marks.ts';
import type { Repository } from './repository.ts';
import { selectPoint } from './select.ts';

export interface ProtectResult {
  readonly dryRun: boolean;
  readonly point: string;
  readonly machine: string;
  readonly disk: string;
  readonly time: string;
  readonly protected: boolean;
  /** False when it was so before. */
  readonly changed: boolean;
}

/**
 * Protects a point, or takes that back. It is read back: POINT_NOT_FOUND when the point was forgotten meanwhile,
 * MARK_LOST when the mark does not hold.
 */
export async function protectPoint(
  repo: Repository,
  spec: string,
  wanted: boolean,
  { dryRun }: { readonly dryRun: boolean },
): Promise<ProtectResult> {
  const { id, machine, disk, time } = await selectPoint(repo, spec, refuseDoubt);
  const before = await protection(repo, id);
  // A damaged mark counts as protection, but nobody should have to rely on it.
  const changed = before.damaged || before.holds !== wanted;
  if (changed && !dryRun) {
    await writeMark(repo, id, 'protected', wanted);
    const after = await protection(repo, id);
    if (after.forgotten) throw fail('POINT_NOT_FOUND', { spec });
    if (after.damaged || after.holds !== wanted) throw fail('MARK_LOST', { point: id });
  }
  return { dryRun, point: id, machine, disk, time, protected: wanted, changed };
}

async function protection(
  repo: Repository,
  id: string,
): Promise<{ readonly holds: boolean; readonly forgotten: boolean; readonly damaged: boolean }> {
  const { marks, damaged } = await readMarks(repo, { point: id });
  const { protected: mark, forgotten } = marks.get(id) ?? {};
  const isDamaged = damaged.some(({ name }) => name.startsWith(`marks/${id}.protected.`));
  return { holds: mark?.value ?? false, forgotten: forgotten?.value ?? false, damaged: isDamaged };
}
