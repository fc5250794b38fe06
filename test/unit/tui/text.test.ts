import { homedir } from 'node:os';
import { describe, expect, test } from 'vitest';
import { ageOf, differenceCells, resample } from '../../../src/tui/screens/block-map.ts';
import {
  choiceField,
  chosenOf,
  edit,
  editText,
  type Form,
  type FormKey,
  newForm,
  severalField,
  textField,
  valuesOf,
  whyNot,
  wordField,
} from '../../../src/tui/state/form.ts';
import { asWord, atHome, wordsIn } from '../../../src/tui/state/words.ts';
import { formatAge, formatLeft, formatMoment } from '../../../src/tui/view/format.ts';
import { bar, glyphsFor, glyphsNamed, sparkline } from '../../../src/tui/view/glyphs.ts';
import { cutLine, lineWidth, span } from '../../../src/tui/view/line.ts';
import { windowOf } from '../../../src/tui/view/table.ts';
import { cut, inAscii, pad, printable, widthOf, wrap } from '../../../src/tui/view/text.ts';
import { painter, wantsColours } from '../../../src/tui/view/theme.ts';

describe('texts', () => {
  test.each([
    ['abcdef', 6, 'abcdef'],
    ['abcdef', 5, 'abcd…'],
    ['日本語', 6, '日本語'],
    ['日本語', 5, '日本…'],
    ['日本語', 4, '日…'],
    ['e\u0301e\u0301e\u0301', 2, 'e\u0301…'],
    ['👨‍👩‍👧x', 2, '…'],
    ['x', 0, ''],
  ])('%s in %i columns is %s', (text, width, expected) => {
    expect(cut(text, width)).toBe(expected);
    expect(widthOf(cut(text, width))).toBeLessThanOrEqual(width);
  });

  test('fill their columns', () => {
    expect(pad('ab', 4)).toBe('ab  ');
    expect(pad('ab', 4, 'right')).toBe('  ab');
    expect(widthOf(pad('日本語日本語', 5))).toBe(5);
  });

  test('that the terminal cannot show keep their width', () => {
    expect(inAscii('日本 été …')).toBe('???? ?t? ~');
  });

  test('of others do not steer the terminal', () => {
    expect(printable('a\u001b[2Jb\u0007')).toBe('a?[2Jb?');
  });

  test('are broken between words, and within those that are too long', () => {
    expect(wrap('one two three', 8)).toEqual(['one two', 'three']);
    expect(wrap('/a/very/long/path', 6)).toEqual(['/a/ver', 'y/long', '/path']);
    expect(wrap('', 6)).toEqual(['']);
  });

  test('lines of several pieces are cut as one', () => {
    const spans = [span('abc'), span('def', 'ok')];
    expect(cutLine(spans, 4, '…').map(({ text }) => text)).toEqual(['abc', '…']);
    expect(cutLine(spans, 3, '…').map(({ text }) => text)).toEqual(['ab…']);
    expect(cutLine(spans, 6, '…')).toBe(spans);
    expect(lineWidth(cutLine([span('日'), span('本')], 3, '…'))).toBeLessThanOrEqual(3);
  });
});

test('times are told in the zone that was chosen', () => {
  expect(formatMoment('2026-11-20T22:00:00.000Z', true)).toBe('2026-11-20 22:00');
  const at = Date.parse('2026-11-20T22:00:00Z');
  expect(
    [
      '2026-11-20T21:59:30Z',
      '2026-11-20T20:30:00Z',
      '2026-11-19T12:00:00Z',
      '2026-11-01T00:00:00Z',
      '2026-11-20T22:01:00Z',
    ].map((time) => formatAge(time, at)),
  ).toEqual(['now', '90 min', '34 h', '19 d', 'ahead']);
  expect([5, 190, 7500].map(formatLeft)).toEqual(['5.0s', '3m10s', '2h 5m']);
});

test('signs follow the locale', () => {
  expect(glyphsFor({ LANG: 'de_DE.UTF-8' })).toBe(glyphsNamed.unicode);
  expect(glyphsFor({ LC_ALL: 'C', LANG: 'de_DE.UTF-8' })).toBe(glyphsNamed.ascii);
  expect(glyphsFor({})).toBe(glyphsNamed.ascii);
  expect(bar(glyphsNamed.ascii, 0.5, 4)).toBe('##--');
  expect(sparkline(glyphsNamed.unicode, [0, 1, 1000])).toBe(' ▁█');
});

test('colours follow NO_COLOR, and are never the only sign', () => {
  expect([{}, { NO_COLOR: '1' }, { NO_COLOR: '' }, { TERM: 'dumb' }].map(wantsColours)).toEqual([
    true,
    false,
    true,
    false,
  ]);
  const lines = [[span('bad', 'error'), span('x')]];
  expect(painter(true)(lines)).toBe('\u001b[1;31mbad\u001b[0mx');
  expect(painter(false)([[span('fine', 'ok')]])).toBe('fine');
});

test('a list shows what is around its cursor', () => {
  expect(windowOf(5, 0, 10)).toEqual({ top: 0, end: 5 });
  expect(windowOf(100, 0, 11)).toEqual({ top: 0, end: 10 });
  expect(windowOf(100, 50, 11)).toEqual({ top: 45, end: 55 });
  expect(windowOf(100, 99, 11)).toEqual({ top: 90, end: 100 });
});

test('cells of a disk', () => {
  expect(resample([0, -1, 2, 2], 2)).toEqual([0, 2]);
  expect(resample([3, 1], 4)).toEqual([3, 3, 1, 1]);
  expect([0, 1, 3, 7, -1].map((owner) => ageOf(owner, 8))).toEqual([0, 1, 2, 3, 4]);
  expect(
    differenceCells(
      [
        [0, 10],
        [95, 5],
      ],
      100,
      10,
    ),
  ).toEqual([true, false, false, false, false, false, false, false, false, true]);
  expect(differenceCells([[0, 11]], 100, 10).filter(Boolean)).toHaveLength(2);
});

describe('forms', () => {
  const form = newForm({
    title: '',
    does: '',
    intent: { do: 'quit' },
    fields: [
      textField('a', 'A', 'x'),
      choiceField('b', 'B', [
        { value: '1', label: '1' },
        { value: '2', label: '2' },
      ]),
      wordField('sdc'),
    ],
  });

  test('take keys where the cursor is', () => {
    expect(editText({ value: 'ab', cursor: 1 }, { key: 'text', text: 'X' })).toEqual({ value: 'aXb', cursor: 2 });
    expect(editText({ value: 'a😀', cursor: 3 }, { key: 'backspace' })).toEqual({ value: 'a', cursor: 1 });
    expect(editText({ value: '', cursor: 0 }, { key: 'backspace' })).toEqual({ value: '', cursor: 0 });
    expect(editText({ value: 'ab', cursor: 2 }, { key: 'clear' })).toEqual({ value: '', cursor: 0 });
    expect(editText({ value: 'ab', cursor: 2 }, { key: 'text', text: 'c\u001b\n' }).value).toBe('abc');
  });

  test('choices turn, words must be typed as they stand', () => {
    const chosen = edit(edit(form, { key: 'next' }), { key: 'right' });
    expect(valuesOf(chosen)).toEqual({ a: 'x', b: '2', word: '' });
    expect(whyNot(chosen)).toContain('sdc');
    const typed = edit(edit(chosen, { key: 'next' }), { key: 'text', text: 'sdc' });
    expect(whyNot(typed)).toBeNull();
    expect(whyNot(edit(typed, { key: 'text', text: ' ' }))).not.toBeNull();
  });

  const options = [
    { value: 'first', label: 'the first of them' },
    { value: 'second', label: 'the second' },
  ];
  const press = (from: Form, ...keys: readonly FormKey['key'][]) =>
    keys.reduce((at, key) => edit(at, key === 'text' ? { key, text: ' ' } : { key }), from);

  test('arrows go through what stands below each other, and never change a choice on their way elsewhere', () => {
    const tall = newForm({
      ...form,
      fields: [textField('a', 'A'), choiceField('c', 'C', options), textField('d', 'D')],
    });
    const on = press(tall, 'down');
    expect(on.focus).toBe(1);
    expect([valuesOf(press(on, 'down')).c, valuesOf(press(on, 'down', 'down', 'up')).c]).toEqual(['second', 'first']);
    expect(press(on, 'down', 'down').focus).toBe(1);
    expect(press(on, 'down', 'next').focus).toBe(2);
    // One that stands on a line is gone over.
    expect(press(form, 'down', 'down').focus).toBe(2);
    expect(valuesOf(press(form, 'down', 'down')).b).toBe('1');
  });

  test('several of some are ticked, and given in their order', () => {
    const several = newForm({ ...form, fields: [severalField('s', 'S', options, ['second']), textField('d', 'D')] });
    expect(chosenOf(valuesOf(several).s)).toEqual(['second']);
    expect(chosenOf(valuesOf(press(several, 'text')).s)).toEqual(['first', 'second']);
    expect(chosenOf(valuesOf(press(several, 'down', 'text')).s)).toEqual([]);
    expect(press(several, 'down', 'down').focus).toBe(1);
    expect(press(several, 'down', 'down', 'up').focus).toBe(0);
  });

  test('take nothing while they wait', () => {
    expect(edit({ ...form, busy: 'reading' }, { key: 'text', text: 'y' })).toEqual({ ...form, busy: 'reading' });
  });
});

describe('names on one line', () => {
  test.each([
    ['', []],
    ['  /dev/sda   /dev/sdb ', ['/dev/sda', '/dev/sdb']],
    ['"/a b" /c\\ d \'e"f\'', ['/a b', '/c d', 'e"f']],
    ["a'b c'd ''", ['ab cd', '']],
    ['/a "b', null],
    ['\\', ['\\']],
  ])('%s', (line, words) => {
    expect(wordsIn(line)).toEqual(words);
  });

  test.each(['/dev/sda', '/a b', "it's", 'a"b\\c', ''])('%j is the same again', (name) => {
    expect(wordsIn(asWord(name))).toEqual([name]);
  });

  test('begin at home with a tilde', () => {
    expect(atHome('~/a ')).toBe(`${homedir()}/a`);
    expect(atHome('~other/a')).toBe('~other/a');
  });
});
