/**
 * The units by which systemd keeps the schedule of a job.
 *
 * An interval: OnActiveSec=0 starts the job when the timer starts, which is when the machine does, and
 * OnUnitActiveSec= from one start to the next. So whatever was missed while the machine was off is made up for by one
 * run; Persistent= would not do that, as systemd keeps no stamp for intervals. A calendar: Persistent= makes systemd
 * run a job once that it missed.
 */
import { parseInterval, systemdInterval } from './interval.ts';
import { onCalendar } from './on-calendar.ts';
import type { SavedJob, Schedule } from './saved-job.ts';
import { commandLine, quotedWord } from './unit-word.ts';

/** The first line of a file that is ours; the second names its job. */
const mark = '# Written by strata job install; strata job uninstall removes it.';

export interface Unit {
  readonly name: string;
  readonly text: string;
}

/** What the service is started with. */
export interface ServiceEnvironment {
  /** The words that start Strata, the first an absolute path. */
  readonly launcher: readonly string[];
  /** Variables that it needs, beside those that systemd sets. */
  readonly variables: Readonly<Record<string, string>>;
}

/** Names of the units of a job. */
export function unitNames(job: string): { readonly service: string; readonly timer: string } {
  return { service: `strata-${job}.service`, timer: `strata-${job}.timer` };
}

/** The units of a job with this schedule: CALENDAR_UNSUITABLE, LAUNCHER_UNSUITABLE. */
export function unitsOf(job: SavedJob, schedule: Schedule, environment: ServiceEnvironment, now: number): Unit[] {
  const { service, timer } = unitNames(job.name);
  return [
    { name: service, text: serviceText(job, environment) },
    { name: timer, text: timerText(job, schedule, now) },
  ];
}

/** Whether we wrote this text as a unit of the job. */
export function isUnitOf(job: string, text: string): boolean {
  return text.startsWith(head(job));
}

function head(job: string): string {
  return `${mark}\n# Job: ${job}\n`;
}

function serviceText({ name, kind }: SavedJob, { launcher, variables }: ServiceEnvironment): string {
  const environment = Object.entries(variables).map(([key, value]) => `Environment=${quotedWord(`${key}=${value}`)}\n`);
  return `${head(name)}
[Unit]
Description=Strata ${kind} job ${name}
Documentation=man:systemd.service(5)
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
${environment.join('')}ExecStart=${commandLine([...launcher, 'job', 'run', name, '--quiet'])}
# Done with warnings is done; strata runs tells them.
SuccessExitStatus=3
Nice=10
IOSchedulingClass=idle
`;
}

function timerText({ name, kind }: SavedJob, schedule: Schedule, now: number): string {
  return `${head(name)}
[Unit]
Description=When to run Strata ${kind} job ${name}

[Timer]
${timings(schedule, now).join('\n')}
Persistent=true
RandomizedDelaySec=300

[Install]
WantedBy=timers.target
`;
}

function timings(schedule: Schedule, now: number): string[] {
  if ('calendar' in schedule) return onCalendar(schedule, now).map((line) => `OnCalendar=${line}`);
  return ['OnActiveSec=0', `OnUnitActiveSec=${systemdInterval(parseInterval(schedule.every) ?? 0)}`];
}
