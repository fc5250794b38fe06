import type { Command } from 'commander';
import type { ForgetByRulesResult } from '../../jobs/forget.ts';
import type { Performed } from '../../jobs/schedule/run-saved-job.ts';
import { perform } from '../action.ts';
import { exitCodes } from '../exit-codes.ts';
import { complain } from '../output.ts';
import { describe as describeBackup, describeDisks } from './backup.ts';
import { describe as describeConsolidation } from './consolidate.ts';
import { describe as describeVerify } from './verify.ts';

export function addJobRun(job: Command): void {
  const command = job
    .command('run')
    .summary('run a job now')
    .description(
      'Runs a saved job now, as the command of its kind would, and keeps a record of the run (strata runs). A job that ' +
        'runs already is refused with exit code 11.',
    )
    .argument('<job>', 'its name')
    .option('--dry-run', 'say what it would do, and write nothing');
  perform<{ readonly dryRun?: true }, [string]>(command, async (session, options, name) => {
    const { planSavedJob, runSavedJob } = await import('../../jobs/schedule/run-saved-job.ts');
    const { schedulePlaces } = await import('../../jobs/schedule/places.ts');
    const request = { name, ask: session.passphrase() };
    if (options.dryRun) {
      session.conclude(describe(await planSavedJob(request, schedulePlaces(), session.job())));
      return exitCodes.done;
    }
    const run = await runSavedJob(request, schedulePlaces(), session.job());
    session.conclude(describe(run));
    if (run.failure !== null) complain('error', run.failure.message, run.failure.hint);
    return run.exitCode;
  });
}

function describe(performed: Performed): string[] {
  if (performed.kind === 'verify') return describeVerify(performed.result);
  if (performed.kind === 'consolidate') return describeConsolidation(performed.result);
  if (performed.kind === 'backup-disks') {
    return [...describeDisks(performed.result), ...performed.forgetting.map(describeForgetting)];
  }
  const { result, forgetting } = performed;
  if (forgetting === null) return describeBackup(result);
  return [...describeBackup(result), describeForgetting(forgetting)];
}

function describeForgetting({ dryRun, forgotten, points }: ForgetByRulesResult): string {
  return `${dryRun ? 'would forget' : 'forgot'} ${forgotten.length} of ${points.length} points`;
}
