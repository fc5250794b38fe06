/** The text in which LVM2 describes a volume group: sections in braces, values, lists of values, comments behind `#`. */
import { Distrust, demand } from '../distrust.ts';

export type Value = number | string;
export interface Section {
  readonly values: ReadonlyMap<string, Value | readonly Value[]>;
  readonly sections: ReadonlyMap<string, Section>;
}

const token = /\s+|#.*|"((?:[^"\\]|\\.)*)"|(-?\d+)(?![\w.])|([\w.+-]+)|([{}[\]=,])/y;
const deepest = 8;

type Token = { readonly value: Value } | { readonly name: string } | { readonly sign: string };

export function parseText(text: string): Section {
  const tokens = tokensOf(text.replace(/\0+$/, ''));
  const section = sectionFrom(tokens, 0);
  demand(tokens.length === 0, 'metadata: its text ends too late');
  return section;
}

/** In reverse, so that the next one is taken from the end. */
function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  token.lastIndex = 0;
  while (token.lastIndex < text.length) {
    const found = token.exec(text);
    if (found === null) throw new Distrust('metadata: its text is not understood');
    const [, quoted, number, name, sign] = found;
    if (quoted !== undefined) tokens.push({ value: quoted.replace(/\\(.)/g, '$1') });
    else if (number !== undefined) tokens.push({ value: Number(number) });
    else if (name !== undefined) tokens.push({ name });
    else if (sign !== undefined) tokens.push({ sign });
  }
  return tokens.reverse();
}

function sectionFrom(tokens: Token[], depth: number): Section {
  demand(depth < deepest, 'metadata: its text is too deep');
  const values = new Map<string, Value | readonly Value[]>();
  const sections = new Map<string, Section>();
  for (let next = tokens.pop(); next !== undefined; next = tokens.pop()) {
    if (isSign(next, '}') && depth > 0) return { values, sections };
    // Names may look like numbers.
    const name = 'name' in next ? next.name : 'value' in next ? String(next.value) : '';
    const follows = tokens.pop();
    demand(name !== '' && !values.has(name) && !sections.has(name), 'metadata: its text is not understood');
    if (isSign(follows, '=')) values.set(name, valueFrom(tokens));
    else if (isSign(follows, '{')) sections.set(name, sectionFrom(tokens, depth + 1));
    else throw new Distrust('metadata: its text is not understood');
  }
  demand(depth === 0, 'metadata: its text ends too early');
  return { values, sections };
}

function valueFrom(tokens: Token[]): Value | readonly Value[] {
  const first = tokens.pop();
  if (first !== undefined && 'value' in first) return first.value;
  demand(isSign(first, '['), 'metadata: its text is not understood');
  const list: Value[] = [];
  for (let next = tokens.pop(); !isSign(next, ']'); next = tokens.pop()) {
    if (isSign(next, ',')) continue;
    if (next === undefined || !('value' in next)) throw new Distrust('metadata: its text is not understood');
    list.push(next.value);
  }
  return list;
}

function isSign(token: Token | undefined, sign: string): boolean {
  return token !== undefined && 'sign' in token && token.sign === sign;
}
