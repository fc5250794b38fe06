/** A form, or the palette, in a box over the screen. */
import { keyLabel, offered } from '../commands/commands.ts';
import type { Field, Form } from '../state/form.ts';
import type { State } from '../state/state.ts';
import { fitLine, type Line, line, lineWidth, type Span, span } from '../view/line.ts';
import type { Look } from '../view/look.ts';
import { printable, widthOf, wrap } from '../view/text.ts';

const widest = 76;

export function formBox(form: Form, look: Look): Line[] {
  const inner = { ...look, width: Math.min(widest, look.width) - 4 };
  const text = form.text.flatMap(({ text, role }) =>
    wrap(printable(text), inner.width).map((part) => line(part, role)),
  );
  const fields = form.fields.flatMap((field, index) =>
    fieldLines(field, index === form.focus && form.busy === null, inner),
  );
  const trouble =
    form.problem === null ? [] : wrap(printable(form.problem), inner.width).map((part) => line(part, 'error'));
  const end = form.busy === null ? hint(form) : line(form.busy, 'warn');
  const room = look.height - 2;
  const must = [...fields, ...trouble, end];
  // When it is too high the text goes first: what is typed must be seen.
  return box(form.title, [...text.slice(0, Math.max(0, room - must.length)), ...must].slice(-room), inner);
}

export function paletteBox(state: State, look: Look): Line[] {
  const inner = { ...look, width: Math.min(widest, look.width) - 4 };
  const list = offered(state);
  const { value = '', cursor = 0 } = state.palette ?? {};
  const at = Math.min(cursor, list.length - 1);
  const room = look.height - 4;
  const top = Math.max(0, Math.min(at - Math.floor(room / 2), list.length - room));
  const rows = list.slice(top, top + room).map(([, { label, keys }], index): Line => {
    const isChosen = top + index === at;
    const front = isChosen ? look.glyphs.cursor : ' ';
    return fitLine(
      [
        span(`${front} ${label.padEnd(28)}`, isChosen ? 'selected' : 'text'),
        span(` ${keys.map(keyLabel).join(' ')}`, 'accent'),
      ],
      inner.width,
      look.glyphs.cut,
    );
  });
  const none = list.length === 0 ? [line('no command is called that', 'muted')] : [];
  return box(
    'Commands',
    [[span(`: ${value}`), span(' ', 'selected')], ...rows, ...none, line('Enter does it   Esc away', 'muted')],
    inner,
  );
}

/** Lines of a screen with a box in the middle of them. */
export function overlay(lines: readonly Line[], boxed: readonly Line[], { width, height }: Look): Line[] {
  const wide = Math.max(...boxed.map(lineWidth));
  const left = Math.max(0, Math.floor((width - wide) / 2));
  const top = Math.max(0, Math.floor((height - boxed.length) / 2));
  return Array.from({ length: height }, (_, row) => {
    const over = boxed[row - top];
    const under = lines[row] ?? [];
    if (over === undefined) return under;
    // What is beside the box stays only on its left: cutting a line in the middle could halve a wide character.
    return [...fitLine(under, left, ' ').map(({ text }) => span(text, 'muted')), ...over];
  });
}

function box(title: string, lines: readonly Line[], { width, glyphs }: Look): Line[] {
  const { top, bottom, flat, side } = glyphs.box;
  const name = ` ${title} `;
  const rest = Math.max(0, width + 1 - widthOf(name));
  return [
    [span(`${top[0]}${flat}`, 'accent'), span(name, 'title'), span(`${flat.repeat(rest)}${top[1]}`, 'accent')],
    ...lines.map(
      (spans): Line => [span(`${side} `, 'accent'), ...fitLine(spans, width, glyphs.cut), span(` ${side}`, 'accent')],
    ),
    [span(`${bottom[0]}${flat.repeat(width + 2)}${bottom[1]}`, 'accent')],
  ];
}

function fieldLines(field: Field, isFocused: boolean, look: Look): Line[] {
  const label = span(`${field.label}: `, isFocused ? 'title' : 'muted');
  if (field.kind === 'choice') return choiceLines(field, isFocused, label, look);
  const shown = field.kind === 'secret' ? '*'.repeat([...field.value].length) : printable(field.value);
  const room = look.width - widthOf(label.text) - 1;
  if (!isFocused) {
    const empty = field.kind === 'text' && field.value === '' ? (field.hint ?? '') : '';
    return [[label, span(tail(shown, room)), span(empty, 'muted')]];
  }
  const cursor = field.kind === 'secret' ? [...field.value.slice(0, field.cursor)].length : field.cursor;
  const before = tail(shown.slice(0, cursor), room);
  const under = [...shown.slice(cursor)][0] ?? ' ';
  const after = shown.slice(cursor + (under === ' ' && cursor >= shown.length ? 0 : under.length));
  return [[label, span(before), span(under, 'selected'), span(after)]];
}

function choiceLines(
  { options, value }: Extract<Field, { kind: 'choice' }>,
  isFocused: boolean,
  label: Span,
  { glyphs }: Look,
): Line[] {
  const signs = options.map((option): Line => {
    const isChosen = option.value === value;
    const sign = glyphs.chosen[isChosen ? 0 : 1];
    return [span(`  ${sign} ${option.label}`, isChosen && isFocused ? 'accent' : 'text')];
  });
  const short = options.every(({ label: text }) => text.length < 8);
  return short ? [[label, ...signs.flat()]] : [[label], ...signs];
}

/** The end of a text that is too long: there is the cursor. */
function tail(text: string, room: number): string {
  let shown = text;
  while (widthOf(shown) > room) shown = shown.slice([...shown][0]?.length ?? 1);
  return shown;
}

function hint({ fields, focus, does, back }: Form): Line {
  const more = focus < fields.length - 1 ? 'Enter next field' : `Enter ${does}`;
  const turn = fields[focus]?.kind === 'choice' ? '   Left Right choose' : '';
  return line(
    `${more}${turn}${fields.length > 1 ? '   Tab other field' : ''}   Esc ${back === null ? 'away' : 'back'}`,
    'muted',
  );
}
