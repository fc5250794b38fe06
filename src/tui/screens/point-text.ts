/** What lists and details say of a point, in a word or two. */
import type { ListedPoint } from '../../jobs/points.ts';
import { mountOf, stateOf } from '../state/selectors.ts';
import type { State } from '../state/state.ts';
import type { Role } from '../view/line.ts';

/** `inc`, as everybody writes it. */
export function shortKind(kind: ListedPoint['kind']): string {
  return kind === 'incremental' ? 'inc' : kind === 'synthetic' ? 'synth' : kind;
}

export function stateRole(point: ListedPoint, { damaged }: State): Role {
  const known = stateOf(point, damaged);
  return known === 'damaged' ? 'error' : known === 'verified' ? 'ok' : 'muted';
}

export function flagsOf(point: ListedPoint, state: State): string {
  const flags = [
    point.protected && 'protected',
    mountOf(point, state) !== null && 'mounted',
    point.type !== 'manual' && point.type,
    ...point.tags.map((tag) => `#${tag}`),
  ];
  return flags.filter(Boolean).join(' ');
}
