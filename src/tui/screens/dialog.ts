/** A form, or the palette, in a box over the screen. */
import { keyLabel, offered } from '../commands/commands.ts';
import { chosenOf, type Field, type Form, isOnOneLine } from '../state/form.ts';
import type { State } from '../state/state.ts';
import { fitLine, type Line, line, lineWidth, type Span, span } from '../view/line.ts';
import type { Look } from '../view/look.ts';
import { printable, widthOf, wrap } from '../view/text.ts';

const widest = 76;
/** Fields have so many rows, whatever the text has to say. */
const fieldRows = 4;

export function formBox(form: Form, look: Look): Line[] {
  const inner = { ...look, width: Math.min(widest, look.width) - 4 };
  const text = form.text.flatMap(({ text, role }) =>
    wrap(printable(text), inner.width).map((part) => line(part, role)),
  );
  const fields = form.fields.map((field, index) =>
    fieldLines(field, index === form.focus && form.busy === null, inner),
  );
  const trouble =
    form.problem === null ? [] : wrap(printable(form.problem), inner.width).map((part) => line(part, 'error'));
  const end =
    form.busy === null
      ? [hint(form, inner)]
      : wrap(`${form.busy}   Esc ${form.back === null ? 'away' : 'back'}`, inner.width).map((part) =>
          line(part, 'warn'),
        );
  const room = look.height - 2 - trouble.length - end.length;
  const warnings = text.filter(isWarning).length;
  const shown = partOf(fields, form, Math.max(fieldRows, room - warnings));
  return box(form.title, [...mostOf(text, room - shown.length), ...shown, ...trouble, ...end], inner);
}

function isWarning(spans: Line): boolean {
  return spans.some(({ role }) => role === 'warn' || role === 'error');
}

/** Of fields that are too high the part around the one that keys go to, and how much is above and below. */
function partOf(fields: readonly (readonly Line[])[], { fields: all, focus }: Form, room: number): readonly Line[] {
  const lines = fields.flat();
  if (lines.length <= room) return lines;
  const field = all[focus];
  const first = fields.slice(0, focus).flat().length;
  const high = fields[focus]?.length ?? 1;
  // Of options the one that is chosen has to be seen; else all of the field, its label before all.
  const at = field === undefined ? first : Math.min(first + rowIn(field), first + high - 1);
  const inner = Math.max(1, room - 2);
  const wanted = at - first < inner ? first : at - Math.floor(inner / 2);
  const top = Math.max(0, Math.min(wanted, lines.length - inner));
  const above = top === 0 ? [] : [line(`  (${top} more above)`, 'muted')];
  const left = room - above.length;
  const rest = lines.length - top;
  if (rest <= left) return [...above, ...lines.slice(top)];
  return [...above, ...lines.slice(top, top + left - 1), line(`  (${rest - left + 1} more below)`, 'muted')];
}

/** The line of a field that must be seen. */
function rowIn(field: Field): number {
  if (field.kind === 'several') return field.at + 1;
  if (field.kind !== 'choice' || isOnOneLine(field)) return 0;
  return field.options.findIndex(({ value }) => value === field.value) + 1;
}

/** Of a text that is too high the end goes first, but never what warns: what is typed must be seen, and what it does. */
function mostOf(text: readonly Line[], room: number): readonly Line[] {
  const kept = [...text];
  for (let at = kept.length - 1; at >= 0 && kept.length > room; at--) {
    if (!isWarning(kept[at] ?? [])) kept.splice(at, 1);
  }
  return kept.slice(0, Math.max(0, room));
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
  if (field.kind === 'several') return severalLines(field, isFocused, label, look);
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
  field: Extract<Field, { kind: 'choice' }>,
  isFocused: boolean,
  label: Span,
  { glyphs }: Look,
): Line[] {
  const signs = field.options.map((option): Line => {
    const isChosen = option.value === field.value;
    const sign = glyphs.chosen[isChosen ? 0 : 1];
    const front = isOnOneLine(field) ? ' ' : '  ';
    return [span(`${front}${sign} ${printable(option.label)}`, isChosen && isFocused ? 'accent' : 'text')];
  });
  return isOnOneLine(field) ? [[label, ...signs.flat()]] : [[label], ...signs];
}

function severalLines(
  { options, value, at }: Extract<Field, { kind: 'several' }>,
  isFocused: boolean,
  label: Span,
  { glyphs }: Look,
): Line[] {
  const chosen = chosenOf(value);
  const lines = options.map((option, index): Line => {
    const front = isFocused && index === at ? glyphs.cursor : ' ';
    const sign = glyphs.ticked[chosen.includes(option.value) ? 0 : 1];
    return [span(`${front} ${sign} ${printable(option.label)}`, isFocused && index === at ? 'accent' : 'text')];
  });
  return [[label], ...lines];
}

/** The end of a text that is too long: there is the cursor. */
function tail(text: string, room: number): string {
  let shown = text;
  while (widthOf(shown) > room) shown = shown.slice([...shown][0]?.length ?? 1);
  return shown;
}

function hint({ fields, focus, does, back }: Form, { width }: Look): Line {
  const more = focus < fields.length - 1 ? 'Enter next field' : `Enter ${does}`;
  const parts = [
    more,
    turnHint(fields, focus),
    fields.length > 1 ? 'Tab other field' : '',
    `Esc ${back === null ? 'away' : 'back'}`,
  ];
  const whole = parts.filter((part) => part !== '').join('   ');
  // Tab goes first: Enter does the same, but from the last field.
  return line(widthOf(whole) <= width ? whole : [more, parts[1], parts[3]].filter(Boolean).join('   '), 'muted');
}

function turnHint(fields: Form['fields'], focus: number): string {
  const field = fields[focus];
  if (field?.kind === 'several') return 'space takes or leaves';
  if (field?.kind !== 'choice') return '';
  return isOnOneLine(field) && fields.length > 1 ? 'Left Right choose' : 'Up Down choose';
}
