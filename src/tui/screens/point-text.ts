/** What lists and details say of a point, in a word or two. */
import type { ListedPoint } from '../../jobs/points.ts';
import { madeWith, mountOf, stateOf } from '../state/selectors.ts';
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

/** `5f0c…, of one instant with web1/sdb`; null when it was made alone. */
export function groupText(point: ListedPoint, state: State): string | null {
  if (point.group === undefined) return null;
  const { id, oneInstant } = point.group;
  const others = madeWith(state, point);
  const with_ = others.map(({ machine, disk }) => `${machine}/${disk}`).join(' ') || 'others that are gone';
  return `${id.slice(0, 4)}, ${oneInstant ? 'of one instant with' : 'of another instant than'} ${with_}`;
}

/** `scheduled #daily`. */
export function typeText({ type, tags }: ListedPoint): string {
  return [type, ...tags.map((tag) => `#${tag}`)].join(' ');
}

export function flagsOf(point: ListedPoint, state: State): string {
  const flags = [
    point.protected && 'protected',
    mountOf(point, state) !== null && 'mounted',
    point.group !== undefined && `group ${point.group.id.slice(0, 4)}`,
    point.type !== 'manual' && point.type,
    ...point.tags.map((tag) => `#${tag}`),
  ];
  return flags.filter(Boolean).join(' ');
}
