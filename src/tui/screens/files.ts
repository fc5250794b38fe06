/** What is in a point: folders and files of a partition, read-only. */

import { formatSize } from '../../cli/units.ts';
import type { FileEntry } from '../../jobs/files/browse.ts';
import { shownName } from '../../jobs/files/path.ts';
import { visibleFiles } from '../state/selectors.ts';
import type { State } from '../state/state.ts';
import { formatMoment } from '../view/format.ts';
import { type Line, line, span } from '../view/line.ts';
import { aboveWhole, type Look, paragraph } from '../view/look.ts';
import { type Column, listLines } from '../view/table.ts';
import { widthOf } from '../view/text.ts';
import { waiting } from './waiting.ts';

export function files(state: State, look: Look): Line[] {
  const { files: view, slots } = state;
  if (view === null) return paragraph('No files are open. Enter on a partition of a point opens them.', look);
  const path = `/${shownName(view.folder)}`;
  const what = view.search === null ? path : `"${view.search}" below ${path}`;
  const head: Line[] = [
    [span(` ${view.title}`, 'title'), span(`  ${slots.files.value?.fileSystem ?? ''}`, 'muted')],
    line(` ${what}`, 'accent'),
  ];
  const inner = { ...look, height: look.height - head.length };
  if (slots.files.value === null) {
    const words = { what: 'the partition: making a drive of it', empty: '' };
    return [...head, ...(waiting(slots.files, 0, state, inner, words) ?? [])];
  }
  const rows = visibleFiles(state);
  const loaded = view.search === null ? slots.folder : slots.found;
  const words =
    view.search === null
      ? { what: 'the folder', empty: 'This folder is empty.' }
      : { what: `names with "${view.search}"`, empty: 'Nothing of that name was found.' };
  const instead = waiting(loaded, rows.length, state, inner, words);
  if (instead !== null) return [...head, ...instead];
  const notes = found(state, look);
  const cursor = state.cursors.files ?? 0;
  const chosen = rows[cursor];
  const name = chosen === undefined ? '' : nameOf(chosen, view.search !== null);
  const whole = widthOf(name) > look.width - besideName ? name : '';
  const list = aboveWhole(whole, 'accent', { ...inner, height: inner.height - notes.length }, (room) =>
    listLines({ columns: columnsOf(state), rows, cursor }, room),
  );
  return [...head, ...notes, ...list];
}

/** Columns that are not for names. */
const besideName = 3 + 11 + 17;

/** What must be known of a search. */
function found({ files: view, slots }: State, look: Look): Line[] {
  if (view?.search == null || slots.found.value === null) return [];
  const { more, unreadable } = slots.found.value;
  const notes = [
    more && 'only the first are shown',
    unreadable > 0 && `${unreadable} folders could not be read`,
  ].filter(Boolean);
  return notes.length === 0 ? [] : paragraph(notes.join('; '), look, 'warn');
}

function columnsOf({ utc, files: view }: State): readonly Column<FileEntry>[] {
  return [
    {
      title: 'NAME',
      width: 'rest',
      of: (entry) => nameOf(entry, view?.search != null),
      role: ({ kind }) => (kind === 'folder' ? 'accent' : 'text'),
    },
    { title: 'SIZE', width: 10, align: 'right', of: ({ kind, size }) => (kind === 'file' ? formatSize(size) : kind) },
    { title: 'MODIFIED', width: 16, of: ({ modified }) => formatMoment(modified, utc) },
  ];
}

function nameOf({ key, name, kind, target }: FileEntry, whole: boolean): string {
  const shown = whole ? shownName(key) : name;
  if (kind === 'folder') return `${shown}/`;
  return kind === 'link' ? `${shown} -> ${target}` : shown;
}
