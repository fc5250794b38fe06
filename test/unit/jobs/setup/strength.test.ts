import { expect, test } from 'vitest';
import { judgePassphrase, wordsFor } from '../../../../src/jobs/setup/strength.ts';

test.each([
  ['hunter2', true],
  ['Backup2026!', true],
  ['a'.repeat(500), true],
  ['web1-strata', true],
  ['correct horse battery staple', false],
  ['kX9#fm2vQ8hR', false],
])('%s', async (passphrase, weak) => {
  expect((await judgePassphrase(passphrase, ['web1'])).weak).toBe(weak);
});

test.each([
  [3, 'less than a minute'],
  [61, 'about 1 minute'],
  [7200, 'about 2 hours'],
  [4e9, 'centuries'],
])('%d s', (seconds, words) => {
  expect(wordsFor(seconds)).toBe(words);
});
