/** Keys of the screen that help was asked on, and those that are everywhere: made of the table of commands. */
import { type Command, commandsOn, keyLabel } from '../commands/commands.ts';
import type { State } from '../state/state.ts';
import { type Line, line, span } from '../view/line.ts';
import type { Look } from '../view/look.ts';
import { pad } from '../view/text.ts';

const groups = [
  ['do', 'Do'],
  ['go', 'Go'],
  ['move', 'Move'],
] as const;

export function help(state: State, look: Look): Line[] {
  const screen = state.before[0] ?? 'machines';
  const lines = groups.flatMap(([group, title]): Line[] => {
    const there = commandsOn(screen).filter(([, command]) => command.group === group);
    return [
      line(` ${title}`, 'title'),
      ...inColumns(
        there.map(([, command]) => command),
        look.width,
      ),
      line(''),
    ];
  });
  const all: Line[] = [line(` Keys on ${screen}`, 'accent'), ...lines];
  if (all.length <= look.height) return all;
  const room = look.height - 1;
  const top = Math.max(0, Math.min(state.cursors.help ?? 0, all.length - room));
  const where = `${top + 1}-${top + room} of ${all.length}: j k`;
  return [...all.slice(top, top + room), line(pad(where, look.width - 1, 'right'), 'muted')];
}

function inColumns(there: readonly Command[], width: number): Line[] {
  const columns = Math.max(1, Math.floor(width / 38));
  const each = Math.floor(width / columns);
  const rows = Math.ceil(there.length / columns);
  return Array.from({ length: rows }, (_, row) =>
    Array.from({ length: columns }, (__, column) => there[column * rows + row]).flatMap((command) =>
      command === undefined
        ? []
        : [span(`   ${pad(command.keys.map(keyLabel).join(' '), 16)} `, 'accent'), span(pad(command.label, each - 20))],
    ),
  );
}
