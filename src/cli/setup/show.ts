/** A plan, and what came of it, in lines for people. Pure. */
import type { SavedJob } from '../../jobs/schedule/overview.ts';
import type { SetupResult } from '../../jobs/setup/carry-out.ts';
import type { SetupPlan, SetupStep } from '../../jobs/setup/plan.ts';
import { describeSchedule } from '../schedule.ts';
import { printable } from '../table.ts';

/** All that will be written, step by step; nothing is left out. */
export function planLines(plan: SetupPlan): string[] {
  const { steps, existing, location, kept } = plan;
  const lines = [
    ...(existing === null ? [] : [`use    the repository ${location}`]),
    ...steps.flatMap(stepLines),
    ...kept.map(({ name, same }) =>
      same ? `keep   the job ${name}, which is so already` : `keep   the job ${name}, which is another`,
    ),
  ];
  return [
    steps.length === 0 ? 'Nothing is to be written:' : 'This will be written:',
    ...lines.map((line) => `  ${printable(line)}`),
  ];
}

function stepLines(step: SetupStep): string[] {
  switch (step.kind) {
    case 'keys':
      return [`add    the key of the bucket to ${step.path} (mode 0600)`];
    case 'passphrase':
      return [`write  the passphrase to ${step.path} (mode 0600)`];
    case 'repository':
      return [`make   the repository ${step.location}, ${step.encryption ? 'encrypted' : 'NOT encrypted'}`];
    case 'job':
      return [
        `${step.instead === null ? 'save   the' : 'change the'} job ${step.job.name}, in ${step.path}:`,
        ...describeJob(step.job).map((line) => `         ${line}`),
      ];
    case 'units':
      return step.paths.map((path) => `write  ${path}`);
    case 'sheet':
      return [`write  the recovery sheet ${step.path}`];
  }
}

function describeJob(job: SavedJob): string[] {
  const when = describeSchedule(job.schedule);
  if (job.kind === 'verify') return [when];
  const { keep } = job.settings;
  const kept = keep === null ? [] : [`keeps ${describeKeep(keep)}`];
  if (job.kind === 'consolidate') return [when, `merges chains of more than ${job.settings.maxChain}`, ...kept];
  const { machine } = job.settings;
  if (job.kind === 'backup-disks') {
    const disks = job.settings.disks?.map(({ source, disk }) => `${source}, as ${machine}/${disk}`);
    return [...(disks ?? [`all disks of ${machine}`]), when, ...kept];
  }
  const { source, disk } = job.settings;
  return [`${source}, as ${machine}/${disk}`, when, ...kept];
}

/** `14 daily, 8 weekly, within 30d`. */
function describeKeep(keep: object): string {
  const rules = Object.entries(keep).filter(([rule, value]) => rule !== 'timeZone' && value !== undefined);
  const words = rules.map(([rule, value]) => {
    const name = rule.replace(/^keep/, '').toLowerCase();
    return typeof value === 'number' ? `${value} ${name}` : `${name} ${value}`;
  });
  return words.join(', ');
}

/** What to do next; `environment` is a line that the other commands need. */
export function nextLines({ jobs, unkept }: SetupPlan, environment: string): string[] {
  const first = jobs.find(({ kind }) => kind === 'backup');
  const install = unkept.map((name) => `strata job install ${name}`);
  const commands: (readonly [string, string])[] = [
    ...install.map((command) => [command, 'have systemd start it'] as const),
    [`strata job run ${first?.name ?? ''}`, 'the first backup, now'],
    ['strata job list', 'when jobs are due, and how they went'],
    ['strata points', 'what there is to restore'],
  ];
  const width = Math.max(...commands.map(([command]) => command.length));
  const lines = commands.map(([command, about]) => `  ${command.padEnd(width)}  # ${about}`);
  return ['Next:', `  ${environment}`, ...lines];
}

/** What was done. */
export function doneLines({ location, kept }: SetupPlan, { id, written }: SetupResult): string[] {
  return [
    `repository  ${location}`,
    `id          ${id}`,
    ...written.filter((path) => path !== location).map((path) => `wrote       ${path}`),
    ...kept.map(({ name }) => `kept        job ${name}`),
    '',
  ];
}

/** What a shell needs for the commands that come next, beside jobs, which know it themselves. */
export function environmentOf({ location, storage, passwordFile }: SetupPlan): string {
  const variables = [
    `STRATA_REPO=${location}`,
    ...(passwordFile === null ? [] : [`STRATA_PASSWORD_FILE=${passwordFile}`]),
    ...(storage.endpoint === null ? [] : [`STRATA_S3_ENDPOINT=${storage.endpoint}`]),
    ...(storage.pathStyle ? ['STRATA_S3_PATH_STYLE=1'] : []),
    ...(storage.plainHttp ? ['STRATA_S3_PLAIN_HTTP=1'] : []),
  ];
  return `export ${variables.join(' ')}`;
}

/** A plan and what came of it, for a program; null for a dry run. */
export function documentOf(
  { location, existing, passwordFile, steps, kept, jobs }: SetupPlan,
  result: SetupResult | null,
): object {
  return {
    dryRun: result === null,
    repository: location,
    id: result?.id ?? existing,
    made: existing === null,
    passwordFile,
    steps,
    written: result?.written ?? [],
    kept,
    jobs: jobs.map(({ name }) => name),
  };
}
