/** What rules would do to the points that are there already. */
import { isStrataError } from '../../errors.ts';
import type { Emit } from '../../repository/events.ts';
import type { RetentionRules } from '../../repository/retention.ts';
import type { RepositoryAccess } from '../access.ts';
import { forgetByRulesJob } from '../forget.ts';

export interface RulesToTry {
  readonly rules: RetentionRules;
  readonly timeZone: string;
  /** Null: all of the repository. */
  readonly disks: readonly { readonly machine: string; readonly disk: string }[] | null;
}

export interface PreviewedDisk {
  /** For people. */
  readonly text: string;
  /** Whether any point would go. */
  readonly goes: boolean;
}

/** One for each disk that has points; of one that cannot be told, why. */
export async function previewExisting(
  access: RepositoryAccess,
  { rules, timeZone, disks }: RulesToTry,
  emit: Emit,
): Promise<PreviewedDisk[]> {
  const found: PreviewedDisk[] = [];
  for (const named of disks ?? [null]) {
    const name = named === null ? '' : ` of ${named.machine}/${named.disk}`;
    try {
      const { forgotten, points } = await forgetByRulesJob(access, { rules, ...named, timeZone, dryRun: true }, emit);
      const text = `  of ${points.length} points${name} that are there, ${forgotten.length} would be forgotten now`;
      found.push({ text, goes: forgotten.length > 0 });
    } catch (error) {
      if (!isStrataError(error)) throw error;
      if (error.code !== 'POINT_NOT_FOUND')
        found.push({ text: ` ${name || ' all disks'}: ${error.message}`, goes: true });
    }
  }
  return found;
}
