/** What a screen shows in place of its content: that it is being read, that there is none, or what went wrong. */
import type { Loaded } from '../state/loaded.ts';
import type { State } from '../state/state.ts';
import { formatLeft } from '../view/format.ts';
import { type Line, line } from '../view/line.ts';
import { type Look, paragraph } from '../view/look.ts';

/** Milliseconds before anything is said of reading: most of it is done by then. */
const patience = 150;

interface Words {
  /** What is read. */
  readonly what: string;
  /** What is said when there is nothing, with the key that helps. */
  readonly empty: string;
}

/** Lines in place of a list of `count` rows; null when the list is to be shown. */
export function waiting(
  loaded: Loaded<unknown>,
  count: number,
  state: State,
  look: Look,
  { what, empty }: Words,
): Line[] | null {
  if (count > 0) return null;
  const filter = state.filters[state.screen];
  if (state.place === null) {
    return [
      line(''),
      ...paragraph('No repository is open. O opens one; --repo or STRATA_REPO names it beforehand.', look),
    ];
  }
  const failure = loaded.failure ?? (loaded.value === null ? state.trouble : null);
  if (failure !== null) {
    return [
      line(''),
      ...paragraph(`${failure.code}`, look, 'error'),
      ...paragraph(failure.message, look),
      ...paragraph(failure.hint, look, 'muted'),
      line(''),
      ...paragraph('R tries again   O another repository   ! log', look, 'muted'),
    ];
  }
  if (loaded.value !== null) {
    const nothing = filter ? `Nothing matches "${filter}". Esc clears the filter.` : empty;
    return [line(''), ...paragraph(nothing, look)];
  }
  const waited = loaded.since === null ? 0 : state.now - loaded.since;
  if (waited < patience) return [];
  const long = waited > 3000 ? ` for ${formatLeft(waited / 1000)}` : '';
  return [line(''), ...paragraph(`reading ${what}${long} …`, look, 'muted')];
}
