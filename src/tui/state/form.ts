/**
 * The one kind of dialog: a few lines of text and fields to fill in. A question is a form with one choice, a confirmation one
 * with a word to type, the restore wizard a row of forms, of which Esc leads back to the one before.
 */
import type { Role } from '../view/line.ts';
import type { Intent } from './intent.ts';

export interface Option {
  readonly value: string;
  readonly label: string;
}

interface Named {
  readonly name: string;
  readonly label: string;
  readonly value: string;
}

export type Field =
  | (Named & { readonly kind: 'text' | 'secret'; readonly cursor: number; readonly hint?: string })
  | (Named & { readonly kind: 'choice'; readonly options: readonly Option[] })
  /** Any number of the options; the value has a line for each. `at`: the option that keys go to. */
  | (Named & { readonly kind: 'several'; readonly options: readonly Option[]; readonly at: number })
  /** Must be typed as it stands before anything happens. */
  | (Named & { readonly kind: 'word'; readonly cursor: number; readonly word: string });

export interface Form {
  readonly title: string;
  readonly text: readonly { readonly text: string; readonly role: Role }[];
  readonly fields: readonly Field[];
  /** Index of the field that keys go to. */
  readonly focus: number;
  /** Why it was not taken. */
  readonly problem: string | null;
  /** What is being done with what was entered; keys wait. */
  readonly busy: string | null;
  /** What Enter does, for people. */
  readonly does: string;
  readonly intent: Intent;
  /** Where Esc leads; null: away. */
  readonly back: Form | null;
}

export type FormKey =
  | { readonly key: 'text'; readonly text: string }
  | { readonly key: 'backspace' | 'delete' | 'left' | 'right' | 'home' | 'end' | 'clear' }
  /** From field to field; the arrows go through what can be chosen first. */
  | { readonly key: 'next' | 'previous' | 'down' | 'up' };

export function textField(name: string, label: string, value = '', hint?: string): Field {
  return { kind: 'text', name, label, value, cursor: value.length, ...(hint === undefined ? {} : { hint }) };
}

/** What is typed is not shown. */
export function secretField(name: string, label: string): Field {
  return { kind: 'secret', name, label, value: '', cursor: 0 };
}

export function wordField(word: string): Field {
  return { kind: 'word', name: 'word', label: `Type ${word} to go on`, value: '', cursor: 0, word };
}

export function choiceField(
  name: string,
  label: string,
  options: readonly Option[],
  value = options[0]?.value ?? '',
): Field {
  return { kind: 'choice', name, label, options, value };
}

export function severalField(
  name: string,
  label: string,
  options: readonly Option[],
  chosen: readonly string[] = [],
): Field {
  return { kind: 'several', name, label, options, value: chosen.join('\n'), at: 0 };
}

/** The options that are chosen, by the value of the field. */
export function chosenOf(value: string | undefined): readonly string[] {
  return (value ?? '').split('\n').filter((one) => one !== '');
}

/** Whether a choice is so short that it stands on one line. */
export function isOnOneLine({ options }: Extract<Field, { kind: 'choice' }>): boolean {
  return options.every(({ label }) => label.length < 8);
}

export interface FormWish {
  readonly title: string;
  readonly text?: readonly (string | { readonly text: string; readonly role: Role })[];
  readonly fields: readonly Field[];
  readonly does: string;
  readonly intent: Intent;
  readonly back?: Form | null;
}

export function newForm({ title, text = [], fields, does, intent, back = null }: FormWish): Form {
  const lines = text.map((line) => (typeof line === 'string' ? { text: line, role: 'text' as const } : line));
  return { title, text: lines, fields, focus: 0, problem: null, busy: null, does, intent, back };
}

/** What was entered, by the names of the fields. */
export function valuesOf({ fields }: Form): Readonly<Record<string, string>> {
  return Object.fromEntries(fields.map(({ name, value }) => [name, value]));
}

/** Why a form cannot be taken as it is; null when it can. */
export function whyNot({ fields }: Form): string | null {
  for (const field of fields) {
    if (field.kind === 'word' && field.value !== field.word) return `type ${field.word} as it stands, or Esc`;
  }
  return null;
}

/** The form after a key. */
export function edit(form: Form, key: FormKey): Form {
  if (form.busy !== null) return form;
  const field = form.fields[form.focus];
  if (field === undefined) return form;
  if (key.key === 'next' || key.key === 'previous') return focusBy(form, key.key === 'next' ? 1 : -1);
  if (key.key === 'down' || key.key === 'up') return arrow(form, field, key.key === 'down' ? 1 : -1);
  if (field.kind === 'choice') {
    if (key.key === 'right' || (key.key === 'text' && key.text === ' ')) return replace(form, turn(field, 1));
    return key.key === 'left' ? replace(form, turn(field, -1)) : form;
  }
  if (field.kind === 'several') return key.key === 'text' && key.text === ' ' ? replace(form, toggle(field)) : form;
  return replace({ ...form, problem: null }, { ...field, ...editText(field, key) });
}

function focusBy(form: Form, step: number): Form {
  const { length } = form.fields;
  return { ...form, focus: (form.focus + step + length) % length };
}

/** Through options that stand below each other, as they are seen; else from field to field. A choice is never left by an arrow: it would change on the way. */
function arrow(form: Form, field: Field, step: 1 | -1): Form {
  if (field.kind === 'choice' && (form.fields.length === 1 || !isOnOneLine(field))) {
    const at = field.options.findIndex(({ value }) => value === field.value) + step;
    return replace(form, { ...field, value: field.options[at]?.value ?? field.value });
  }
  if (field.kind === 'several' && field.options[field.at + step] !== undefined) {
    return replace(form, { ...field, at: field.at + step });
  }
  return focusBy(form, step);
}

function toggle(field: Extract<Field, { kind: 'several' }>): Field {
  const one = field.options[field.at]?.value ?? '';
  const chosen = new Set(chosenOf(field.value));
  if (!chosen.delete(one)) chosen.add(one);
  return { ...field, value: field.options.flatMap(({ value }) => (chosen.has(value) ? [value] : [])).join('\n') };
}

function replace(form: Form, changed: Field): Form {
  return { ...form, fields: form.fields.map((field, index) => (index === form.focus ? changed : field)) };
}

function turn(field: Extract<Field, { kind: 'choice' }>, step: number): Field {
  const { options, value } = field;
  const at = options.findIndex((option) => option.value === value);
  return { ...field, value: options[(at + step + options.length) % options.length]?.value ?? value };
}

interface Text {
  readonly value: string;
  /** Before which of its UTF-16 units a text goes in. */
  readonly cursor: number;
}

/** A line of text after a key. */
export function editText({ value, cursor }: Text, key: FormKey): Text {
  const before = value.slice(0, cursor);
  const after = value.slice(cursor);
  switch (key.key) {
    case 'text': {
      const text = key.text.replace(/\p{Cc}/gu, '');
      return { value: before + text + after, cursor: cursor + text.length };
    }
    case 'backspace': {
      const kept = before.slice(0, before.length - lastUnit(before));
      return { value: kept + after, cursor: kept.length };
    }
    case 'delete':
      return { value: before + after.slice(firstUnit(after)), cursor };
    case 'left':
      return { value, cursor: cursor - lastUnit(before) };
    case 'right':
      return { value, cursor: cursor + firstUnit(after) };
    case 'home':
      return { value, cursor: 0 };
    case 'end':
      return { value, cursor: value.length };
    case 'clear':
      return { value: after, cursor: 0 };
    default:
      return { value, cursor };
  }
}

/** A sign beyond the first plane takes two units. */
function firstUnit(text: string): number {
  return text === '' ? 0 : String.fromCodePoint(text.codePointAt(0) ?? 0).length;
}

function lastUnit(text: string): number {
  return text === '' ? 0 : ([...text].at(-1)?.length ?? 0);
}
