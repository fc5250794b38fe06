/** The jobs that are there: told before anything is asked, and replaced only when somebody agrees. */
import type { SavedJob } from '../../jobs/schedule/overview.ts';
import type { WishedJob } from '../../jobs/setup/plan.ts';
import { describeSchedule } from '../schedule.ts';
import type { Session } from '../session.ts';
import { printable } from '../table.ts';
import type { Asker } from './asker.ts';
import type { SetupOptions } from './options.ts';

/** Says which jobs are there. */
export function tellJobs(asker: Asker, jobs: readonly SavedJob[]): void {
  if (jobs.length === 0) return;
  asker.say('jobs that are saved here already:');
  asker.say(
    ...jobs.map(({ name, kind, repository, schedule }) =>
      printable(`  ${name}  ${kind}  ${repository}  ${describeSchedule(schedule)}`),
    ),
  );
}

/** Names of the jobs that may be replaced. */
export async function askReplace(
  session: Session,
  asker: Asker,
  { replace }: SetupOptions,
  wished: readonly WishedJob[],
): Promise<ReadonlySet<string>> {
  const replaced = new Set<string>();
  for (const { job, instead, same } of wished) {
    if (instead === null || same) continue;
    const agreed = await asker.answer({
      option: '--replace',
      given: replace,
      fallback: false,
      ask: () => {
        asker.say(
          `  there is a job ${job.name} already: ${JSON.stringify({ schedule: instead.schedule, ...instead.settings })}`,
        );
        return asker.confirm(`Put the new one in place of ${job.name}?`, false);
      },
    });
    if (agreed) replaced.add(job.name);
    else session.warn(`job ${job.name} stays as it was, with other settings; --replace puts the new one in its place`);
  }
  return replaced;
}
