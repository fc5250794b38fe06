/** What a screen needs and nobody has asked for yet. Called after each change; moving on soon asks for nothing. */
import { nothing } from '../state/loaded.ts';
import { chosenPoint } from '../state/selectors.ts';
import type { KeyedSlots, State } from '../state/state.ts';
import type { Ui } from './ui.ts';

/** Cells of a block map: enough for the widest of screens. */
export const mapCells = 512;

/** Milliseconds that the cursor rests before details are asked for. */
const rest = 200;
/** Milliseconds after which mounts, which others make too, are looked at again. */
const mountsAge = 10_000;

export class Needs {
  readonly #ui: Ui;
  #timer: NodeJS.Timeout | undefined;

  constructor(ui: Ui) {
    this.#ui = ui;
  }

  /** Looks at the state after a change. */
  readonly look = (): void => {
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#ask();
    }, rest);
  };

  stop(): void {
    clearTimeout(this.#timer);
  }

  #ask(): void {
    const ui = this.#ui;
    const { state } = ui;
    if (state.connection !== 'ready') return;
    const point = chosenPoint(state);
    const isWide = state.size.columns >= 100;
    if (point !== null && (state.screen === 'point' || (state.screen === 'points' && isWide))) {
      if (isUnasked(state, 'details', point.id)) ui.loadOf('details', point.id, 'show', { point: point.id });
    }
    if (point !== null && state.screen === 'chain' && isUnasked(state, 'maps', point.id)) {
      ui.loadOf('maps', point.id, 'blockMap', { point: point.id, cells: mapCells });
    }
    if (state.screen === 'jobs' && isUnaskedSlot(state, 'runs')) ui.load('runs', 'runs', { limit: 200 });
    if (state.screen === 'jobs' && isUnaskedSlot(state, 'saved')) ui.load('saved', 'savedJobs', {});
    if (state.screen === 'repository' && isUnaskedSlot(state, 'contents')) ui.load('contents', 'contents', {});
    if (state.screen === 'doctor' && isUnaskedSlot(state, 'doctor')) ui.load('doctor', 'doctor', {});
    const { at, since } = state.slots.mounts;
    if (state.screen === 'mounts' && since === null && at !== null && ui.now - at > mountsAge)
      ui.load('mounts', 'mounts', {});
  }
}

function isUnasked(state: State, slot: keyof KeyedSlots, key: string): boolean {
  const { value, since, failure } = state.keyed[slot][key] ?? nothing;
  return value === null && since === null && failure === null;
}

function isUnaskedSlot({ slots }: State, slot: 'saved' | 'runs' | 'contents' | 'doctor'): boolean {
  const { value, since, failure } = slots[slot];
  return value === null && since === null && failure === null;
}
