/** The whole screen as lines, exactly as many as the terminal has: a pure function of the state. */
import { type Command, commandsOn, isEnabled, keyLabel } from '../commands/commands.ts';
import { isRunning } from '../state/job-view.ts';
import { type ScreenName, type State, type Tab, tabs } from '../state/state.ts';
import { formatClock } from '../view/format.ts';
import type { Glyphs } from '../view/glyphs.ts';
import { cutLine, ends, type Line, line, type Span, span } from '../view/line.ts';
import type { Look } from '../view/look.ts';
import { cut, inAscii, pad, printable, widthOf } from '../view/text.ts';
import { chain } from './chain.ts';
import { compare } from './compare.ts';
import { formBox, overlay, paletteBox } from './dialog.ts';
import { doctor } from './doctor.ts';
import { files } from './files.ts';
import { help } from './help.ts';
import { job, jobs } from './jobs.ts';
import { log } from './log.ts';
import { machines } from './machines.ts';
import { mounts } from './mounts.ts';
import { plan } from './plan.ts';
import { point } from './point.ts';
import { points } from './points.ts';
import { repository } from './repository.ts';

export const smallest = { columns: 60, rows: 16 } as const;

const screens: Readonly<Record<ScreenName, (state: State, look: Look) => Line[]>> = {
  machines,
  points,
  point,
  files,
  chain,
  mounts,
  jobs,
  job,
  compare,
  plan,
  repository,
  doctor,
  log,
  help,
};

/** Header and tabs above, notice and footer below. */
const around = 4;
/** From so many rows on the end of the log is shown on the screens with a number. */
const logFrom = 40;
const logLines = 6;

export function frame(state: State, glyphs: Glyphs): Line[] {
  const { columns, rows } = state.size;
  if (columns < smallest.columns || rows < smallest.rows) return tooSmall(state);
  const tail = rows >= logFrom && isTab(state.screen) ? logTail(state, glyphs) : [];
  const look: Look = { glyphs, width: columns, height: rows - around - tail.length };
  const content = screens[state.screen](state, look);
  const body = Array.from({ length: look.height }, (_, row) => content[row] ?? []);
  const covered =
    state.form !== null
      ? overlay(body, formBox(state.form, look), look)
      : state.palette !== null
        ? overlay(body, paletteBox(state, look), look)
        : body;
  const lines = [
    header(state, glyphs),
    tabBar(state, glyphs),
    ...covered,
    ...tail,
    noticeLine(state, glyphs),
    footer(state, glyphs),
  ];
  const cutLines = lines.map((spans) => cutLine(spans, columns, glyphs.cut));
  if (glyphs.isUnicode) return cutLines;
  return cutLines.map((spans) => spans.map(({ text, role }) => span(inAscii(text), role)));
}

function tooSmall({ size: { columns, rows } }: State): Line[] {
  const text = `terminal too small (need ${smallest.columns}x${smallest.rows})`;
  return [line(cut(text, columns, '~')), ...Array.from({ length: Math.max(0, rows - 1) }, () => line(''))].slice(
    0,
    Math.max(1, rows),
  );
}

function isTab(screen: ScreenName): screen is Tab {
  return tabs.some((name) => name === screen);
}

function header(state: State, glyphs: Glyphs): Line {
  const { place, disk, slots, jobs: all, size, screen } = state;
  const running = all.filter(isRunning).length;
  const mounted = slots.mounts.value?.length ?? 0;
  const isAbout = screen !== 'machines' && screen !== 'mounts' && screen !== 'jobs' && screen !== 'repository';
  const name = disk !== null && isAbout ? `  ${disk.machine}/${disk.disk}` : '';
  const reading = Object.values(slots).some(({ since }) => since !== null && state.now - since > 150)
    ? '  reading'
    : '';
  const isNarrow = size.columns < 72;
  const counts = [running > 0 && `${running} running`, mounted > 0 && !isNarrow && `${mounted} mounted`]
    .filter(Boolean)
    .join('  ');
  const clock = formatClock(state.now, state.utc).slice(0, 5);
  const trouble = stateWord(state);
  return ends(
    [
      span(' strata', 'title'),
      ...(isNarrow ? trouble : []),
      span(`  ${printable(place?.location ?? 'no repository')}`),
      span(name, 'accent'),
      ...(isNarrow ? [] : trouble),
    ],
    [span(`${reading}  ${counts}  ${clock}${state.utc ? ' UTC' : ''} `, 'muted')],
    size.columns,
    glyphs.cut,
  );
}

/** What came last stays on the screen when reading anew fails; this says so. */
function stateWord({ connection, slots, now }: State): Span[] {
  if (connection === 'lost') return [span('  engine gone: R', 'error')];
  if (slots.points.failure === null || slots.points.value === null || slots.points.at === null) return [];
  return [span(`  stale, ${Math.floor((now - slots.points.at) / 60_000)} min old: R`, 'error')];
}

const names: Readonly<Record<Tab, readonly [string, string]>> = {
  machines: ['Machines', 'Mach'],
  points: ['Points', 'Points'],
  chain: ['Chain', 'Chain'],
  mounts: ['Mounts', 'Mounts'],
  jobs: ['Jobs', 'Jobs'],
  compare: ['Compare', 'Comp'],
  repository: ['Repository', 'Repo'],
};

function tabBar(state: State, glyphs: Glyphs): Line {
  const { size, screen, filters, filtering } = state;
  const form = size.columns >= 90 ? 0 : 1;
  const tabSpans = tabs.flatMap((name, index): Span[] => {
    const here =
      name === screen ||
      (name === 'points' && (screen === 'point' || screen === 'files')) ||
      (name === 'jobs' && screen === 'job');
    return [span(' '), span(`${index + 1} ${names[name][form]}`, here ? 'selected' : 'muted')];
  });
  const filter = filters[screen] ?? '';
  const shown: Line = filtering
    ? [span(' /'), span(filter), span(' ', 'selected')]
    : filter === ''
      ? []
      : [span(` /${filter} `, 'accent')];
  return ends(tabSpans, shown, size.columns, glyphs.cut);
}

function noticeLine({ notice, size, screen, sorting }: State, glyphs: Glyphs): Line {
  if (notice !== null) {
    const text = ` ${printable(notice.text)}`;
    // The log keeps what went wrong, and what helps.
    const more = notice.role === 'error' && widthOf(text) > size.columns ? '  ! tells all' : '';
    return [span(cut(text, size.columns - more.length, glyphs.cut), notice.role), span(more, 'accent')];
  }
  return screen === 'points' && sorting !== 'newest' ? line(` sorted: ${sorting} first`, 'muted') : [];
}

/** As many commands as there is room for; help always. */
function footer(state: State, glyphs: Glyphs): Line {
  const { size, screen, form, palette, filtering } = state;
  if (form !== null || palette !== null) return [];
  if (filtering) return line(' type to filter   Enter keeps it   Esc clears it', 'muted');
  const there = commandsOn(screen)
    .filter(([id, { footer: order }]) => order !== undefined && isEnabled(id, state) === true)
    .map(([, command]) => command)
    .toSorted((a, b) => (a.footer ?? 0) - (b.footer ?? 0));
  const help = there.filter((command) => command.footer === 0);
  const rest = there.filter((command) => command.footer !== 0);
  let room = size.columns - help.reduce((sum, command) => sum + widthOf(hintOf(command)), 0);
  const shown: Command[] = [];
  for (const command of rest) {
    const wide = widthOf(hintOf(command));
    if (wide > room) break;
    shown.push(command);
    room -= wide;
  }
  return cutLine(
    [...shown, ...help].flatMap((command): Span[] => [
      span(` ${keyLabel(command.keys[0] ?? '')}`, 'accent'),
      span(` ${command.label} `, 'muted'),
    ]),
    size.columns,
    glyphs.cut,
  );
}

function hintOf({ keys, label }: Command): string {
  return ` ${keyLabel(keys[0] ?? '')} ${label} `;
}

function logTail({ log: lines, utc, size }: State, glyphs: Glyphs): Line[] {
  const last = lines.slice(-logLines);
  return [
    line(`${glyphs.rule.repeat(2)} log ${glyphs.rule.repeat(Math.max(0, size.columns - 7))}`, 'muted'),
    ...Array.from({ length: logLines }, (_, index): Line => {
      const entry = last[index];
      return entry === undefined
        ? []
        : [
            span(` ${formatClock(entry.time, utc)} `, 'muted'),
            span(pad(printable(entry.text), size.columns - 11, 'left', glyphs.cut), entry.role),
          ];
    }),
  ];
}
