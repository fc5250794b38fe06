/** The one component: the state's frame as text, and keys to the controller. */
import { Text, useInput, useWindowSize } from 'ink';
import { createElement, type ReactNode, useEffect, useMemo, useSyncExternalStore } from 'react';
import { type Typed, typedIn } from './commands/input.ts';
import { frame } from './screens/frame.ts';
import type { Store } from './state/store.ts';
import type { Glyphs } from './view/glyphs.ts';
import type { Paint } from './view/theme.ts';

export interface AppProps {
  readonly store: Store;
  readonly glyphs: Glyphs;
  readonly paint: Paint;
  readonly onKey: (typed: Typed) => void;
}

export function App({ store, glyphs, paint, onKey }: AppProps): ReactNode {
  const { columns, rows } = useWindowSize();
  const state = useSyncExternalStore(store.subscribe, store.get);
  useEffect(() => store.dispatch({ type: 'resized', columns, rows }), [store, columns, rows]);
  useInput((input, key) => {
    for (const typed of typedIn(input, key)) onKey(typed);
  });
  // The size that the terminal has now, before the state hears of it: a frame that is too high loses its top.
  const sized = useMemo(() => ({ ...state, size: { columns, rows } }), [state, columns, rows]);
  return createElement(Text, { wrap: 'truncate' }, paint(frame(sized, glyphs)));
}
