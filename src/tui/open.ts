/** Opens the terminal UI: starts the engine first, which reads while this process gets ready to draw. */

import { press } from './control/keys.ts';
import { Needs } from './control/needs.ts';
import { askRepository } from './control/perform.ts';
import { Ui } from './control/ui.ts';
import { EngineProcess } from './engine/engine.ts';
import type { Place } from './engine/protocol.ts';
import { newForm, secretField } from './state/form.ts';
import { isLively } from './state/selectors.ts';
import { firstState } from './state/state.ts';
import { Store } from './state/store.ts';
import { glyphsFor } from './view/glyphs.ts';
import { painter, wantsColours } from './view/theme.ts';

export interface TuiRequest {
  /** Null when none was named: it is asked for. */
  readonly place: Place | null;
  /** Reads the passphrase that the line or the environment gives; only called when `place` says that there is one. */
  readonly passphrase: () => Promise<string>;
  /** One line after the other, for screen readers and for terminals that cannot do more. */
  readonly plain: boolean;
}

/** Milliseconds between two looks at the clock. */
const tick = 1000;

/** Shows the UI until it is left. */
export async function openTui({ place, passphrase, plain }: TuiRequest): Promise<void> {
  const store = new Store(firstState(Date.now(), place));
  let leave = () => {};
  let suspend = () => {};
  const ui = new Ui({
    store,
    now: Date.now,
    passphrase,
    suspend: () => suspend(),
    exit: () => leave(),
    startEngine: (owner) =>
      new EngineProcess({
        asked: () => void owner.givePassphrase((problem) => askPassphrase(owner, problem)),
        lost: (failure) => owner.lost(failure),
      }),
  });
  // Before Ink is loaded, which would hold it up.
  if (place !== null) await ui.open(place);
  else askRepository(ui);
  const needs = new Needs(ui);
  store.subscribe(needs.look);
  const clock = setInterval(() => {
    const now = Date.now();
    const isSameMinute = Math.floor(now / 60_000) === Math.floor(store.get().now / 60_000);
    if (!isSameMinute || isLively(store.get())) ui.dispatch({ type: 'tick', now });
  }, tick);
  try {
    if (plain) {
      const { showPlain } = await import('./plain.ts');
      await showPlain(ui, store, (stop) => {
        leave = stop;
      });
      return;
    }
    const [{ App }, { Fullscreen }, { createElement }] = await Promise.all([
      import('./app.ts'),
      import('./fullscreen.ts'),
      import('react'),
    ]);
    const screen = new Fullscreen(process);
    leave = () => screen.close();
    suspend = () => screen.suspend();
    const colours = wantsColours(process.env);
    const props = {
      store,
      glyphs: glyphsFor(process.env),
      paint: painter(colours),
      onKey: (typed: Parameters<typeof press>[1]) => press(ui, typed),
    };
    await screen.show(() => createElement(App, props));
  } finally {
    clearInterval(clock);
    needs.stop();
    await ui.close();
  }
}

function askPassphrase(ui: Ui, problem: string | null): void {
  const form = newForm({
    title: 'Passphrase',
    text: [`${ui.state.place?.location ?? ''} is encrypted.`],
    fields: [secretField('passphrase', 'Passphrase')],
    does: 'open',
    intent: { do: 'passphrase' },
  });
  ui.dispatch({ type: 'form', form: { ...form, problem } });
}
