/** What is at work and what was: jobs of this session first, then the runs of saved jobs. */

import { formatDuration, formatSize } from '../../cli/units.ts';
import type { JobOverview, ListedRun } from '../../jobs/schedule/overview.ts';
import { isRunning, type JobView, rateOf, secondsLeft } from '../state/job-view.ts';
import type { State } from '../state/state.ts';
import { formatClock, formatLeft, formatMoment } from '../view/format.ts';
import { bar, sparkline } from '../view/glyphs.ts';
import { type Line, line, type Role, span } from '../view/line.ts';
import { aboveWhole, fact, type Look, paragraph } from '../view/look.ts';
import { type Column, listLines } from '../view/table.ts';
import { pad, printable } from '../view/text.ts';
import { waiting } from './waiting.ts';

interface Row {
  readonly id: string;
  readonly action: string;
  readonly subject: string;
  readonly state: string;
  readonly role: Role;
  readonly told: string;
}

export function jobs(state: State, look: Look): Line[] {
  const rows = [
    ...state.jobs.toReversed().map((job) => jobRow(job, look)),
    ...(state.slots.saved.value ?? []).map((overview) => savedRow(overview, state)),
    ...(state.slots.runs.value ?? []).map((run) => runRow(run, state)),
  ];
  const empty = 'Nothing has run yet. b on a disk backs it up now; a saves a job that runs by a schedule.';
  const instead = waiting(state.slots.runs, rows.length, state, look, { what: 'the history of jobs', empty });
  if (instead !== null) return instead;
  const queued = state.jobs.filter((job) => job.state === 'queued').length;
  const running = state.jobs.filter(isRunning).length - queued;
  const bad = state.jobs.filter((job) => job.state === 'failed').length;
  const head: Line = [
    span(` running ${running}`, running > 0 ? 'accent' : 'muted'),
    ...(queued > 0 ? [span(`   queued ${queued}`, 'accent')] : []),
    span(`   failed ${bad}`, bad > 0 ? 'error' : 'muted'),
    span('   here; below: saved jobs, runs', 'muted'),
  ];
  const cursor = state.cursors.jobs ?? 0;
  const chosen = rows[cursor];
  const whole = chosen === undefined ? '' : `${chosen.subject}: ${chosen.told}`;
  const list = aboveWhole(whole, 'text', { ...look, height: look.height - 1 }, (room) =>
    listLines({ columns, rows, cursor }, room),
  );
  return [head, ...list];
}

const columns: readonly Column<Row>[] = [
  { title: 'JOB', width: 4, of: ({ id }) => id },
  { title: 'DOES', width: 12, of: ({ action }) => action },
  { title: 'STATE', width: 9, of: ({ state }) => state, role: ({ role }) => role },
  { title: 'ABOUT', width: 18, of: ({ subject }) => subject },
  { title: '', width: 'rest', of: ({ told }) => told },
];

function jobRow(job: JobView, { glyphs, width }: Look): Row {
  const { id, action, subject, state } = job;
  const common = { id: String(id), action, subject, state, role: stateRole(state) };
  if (!isRunning(job)) return { ...common, told: job.failure?.message ?? job.outcome[0] ?? '' };
  if (state === 'queued') return { ...common, told: 'begins when those before it have ended' };
  if (job.total === null || job.total === 0)
    return {
      ...common,
      told: [job.disk, job.stage, job.position > 0 ? formatSize(job.position) : ''].join(' ').trim(),
    };
  const meter = width >= 100 ? `[${bar(glyphs, job.position / job.total, 20)}] ` : '';
  return { ...common, told: [job.disk, `${meter}${progressText(job)}`].filter((part) => part !== '').join(' ') };
}

function stateRole(state: JobView['state']): Role {
  if (state === 'failed') return 'error';
  if (state === 'warnings' || state === 'stopping' || state === 'stopped') return 'warn';
  return state === 'done' ? 'ok' : 'accent';
}

function savedRow({ job: { name, kind, schedule }, due, last }: JobOverview, { utc }: State): Row {
  const when = schedule === null ? 'by hand: strata job run' : `due ${due === null ? '' : formatMoment(due, utc)}`;
  const ended = last === null ? 'never ran' : `ran ${formatMoment(last.started, utc)}, ${last.outcome}`;
  return { id: '', action: kind, subject: name, state: 'saved', role: 'muted', told: `${when}; ${ended}` };
}

function runRow({ job, kind, outcome, started, seconds, bytesStored, error }: ListedRun, { utc }: State): Row {
  const took = seconds === null ? '' : ` took ${formatDuration(seconds)}`;
  const stored = bytesStored > 0 ? `, ${formatSize(bytesStored)} stored` : '';
  const role: Role = outcome === 'done' ? 'ok' : outcome === 'failed' || outcome === 'missed' ? 'error' : 'warn';
  const told = `${formatMoment(started, utc)}${took}${stored}${error === null ? '' : `  ${error.message}`}`;
  return { id: '', action: kind, subject: job, state: outcome, role, told };
}

/** `61%  412 MiB/s  3m10s left`. */
export function progressText(job: JobView): string {
  const parts: string[] = [];
  if (job.total !== null && job.total > 0)
    parts.push(`${Math.min(100, Math.floor((job.position * 100) / job.total))}%`);
  const rate = rateOf(job);
  if (rate > 0) parts.push(`${formatSize(rate)}/s`);
  const left = secondsLeft(job);
  if (left !== null && left > 0) parts.push(`${formatLeft(left)} left`);
  return parts.join('  ');
}

/** One job, with how fast it was and its log. */
export function job(state: State, look: Look): Line[] {
  const found = state.jobs.find(({ id }) => id === state.job);
  if (found === undefined) return paragraph('This job is not known any more.', look);
  const { glyphs, width, height } = look;
  const part = found.total === null || found.total === 0 ? 0 : found.position / found.total;
  const took = ((found.ended ?? state.now) - found.started) / 1000;
  const lines: Line[] = [
    [span(` Job ${found.id}  ${found.action}  `, 'title'), span(printable(found.subject))],
    fact('state', found.state, stateRole(found.state)),
    fact('began', `${formatClock(found.started, state.utc)}, ${formatDuration(Math.max(0, took))}`),
    ...(isRunning(found)
      ? [
          fact('progress', `${bar(glyphs, part, Math.min(40, width - 40))} ${progressText(found)}`),
          fact('stage', [found.disk, found.stage].filter((part) => part !== '').join(': ')),
        ]
      : []),
    ...(found.position > 0
      ? [fact('done', `${formatSize(found.position)}${found.total === null ? '' : ` of ${formatSize(found.total)}`}`)]
      : []),
    ...Object.entries(found.figures)
      .filter(([name]) => name in figureNames)
      .map(([name, value]) => fact(figureNames[name] ?? name, formatSize(value))),
    ...(found.rates.length > 1 ? [fact('rate', sparkline(glyphs, found.rates.slice(-(width - 14))), 'accent')] : []),
    ...found.outcome.flatMap((text) => paragraph(text, look, outcomeRole(text, found.state))),
    ...(found.failure === null
      ? []
      : [
          ...paragraph(`${found.failure.code}: ${found.failure.message}`, look, 'error'),
          ...paragraph(found.failure.hint, look, 'muted'),
        ]),
    line(glyphs.rule.repeat(width), 'muted'),
  ];
  const log = found.log.map((text) => line(` ${printable(text)}`, /^(stage|disk)/.test(text) ? 'muted' : 'warn'));
  if (lines.length < height) return [...lines, ...log.slice(lines.length - height)];
  // What came of it can be long: then all of it is gone through.
  const all = [...lines, ...log];
  const room = height - 1;
  const top = Math.min(state.cursors.job ?? 0, all.length - room);
  const where = `${top + 1}-${top + room} of ${all.length}: j k`;
  return [...all.slice(top, top + room), line(pad(where, width - 1, 'right'), 'muted')];
}

/** Of several disks some may be well. */
function outcomeRole(text: string, state: JobView['state']): Role {
  if (/^(failed|lost)\b/.test(text)) return 'error';
  if (/^(warning|left out): /.test(text)) return 'warn';
  return state === 'done' ? 'ok' : state === 'warnings' ? 'warn' : 'text';
}

const figureNames: Readonly<Record<string, string>> = {
  bytesRead: 'read',
  bytesNew: 'new',
  bytesStored: 'stored',
  bytesWritten: 'written',
  bytesSkipped: 'skipped',
};
