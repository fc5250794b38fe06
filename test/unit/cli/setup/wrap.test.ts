import { expect, test } from 'vitest';
import { wrapped } from '../../../../src/cli/setup/wrap.ts';

test.each<[string, number, string[]]>([
  ['short', 20, ['short']],
  ['', 20, ['']],
  ['  one two three four', 12, ['  one two', '    three', '    four']],
  ['averylongwordthatfitsnowhere and', 10, ['averylongwordthatfitsnowhere', '  and']],
  ['after  a   year', 40, ['after  a   year']],
])('%s', (line, columns, expected) => {
  expect(wrapped(line, columns)).toEqual(expected);
});
