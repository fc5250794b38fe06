/** What rules would do to the points that are there already. */
import { isStrataError } from '../../errors.ts';
import { forgetByRulesJob } from '../../jobs/forget.ts';
import type { ExaminedPlace } from '../../jobs/setup/place.ts';
import type { ChosenDisk } from '../../jobs/setup/plan.ts';
import type { RetentionRules } from '../../repository/retention.ts';
import type { Session } from '../session.ts';

interface PointsThere {
  readonly place: ExaminedPlace;
  /** Null for a repository without one. */
  readonly passphrase: string | null;
  readonly disks: readonly ChosenDisk[];
  readonly timeZone: string;
}

/** A line for each disk that has points; of one that cannot be told, why. */
export async function previewExisting(
  session: Session,
  { place, passphrase, disks, timeZone }: PointsThere,
  rules: RetentionRules,
): Promise<string[]> {
  const { location, storage, existing } = place;
  if (existing === null) return [];
  const access = { location, storage, passphrase: async () => passphrase ?? '', passphraseGiven: passphrase !== null };
  const lines: string[] = [];
  for (const { machine, disk } of disks) {
    try {
      const request = { rules, machine, disk, timeZone, dryRun: true };
      const { forgotten, points } = await forgetByRulesJob(access, request, session.listen);
      const goes = `${forgotten.length} would be forgotten now`;
      lines.push(`  of ${points.length} points of ${machine}/${disk} that are there, ${goes}`);
    } catch (error) {
      if (!isStrataError(error)) throw error;
      if (error.code !== 'POINT_NOT_FOUND') lines.push(`  ${machine}/${disk}: ${error.message}`);
    }
  }
  return lines;
}
