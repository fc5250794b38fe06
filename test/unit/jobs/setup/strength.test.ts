import { expect, test } from 'vitest';
import { judgePassphrase, wordsFor } from '../../../../src/jobs/setup/strength.ts';

test.each([
  ['hunter2', 'weak'],
  ['Backup2026!', 'weak'],
  ['a'.repeat(500), 'weak'],
  ['web1-strata', 'weak'],
  ['cathedral window', 'fair'],
  ['correct horse battery staple', 'good'],
  ['kX9#fm2vQ8hR', 'good'],
])('%s', async (passphrase, grade) => {
  expect((await judgePassphrase(passphrase, ['web1'])).grade).toBe(grade);
});

test.each([
  [3, 'less than a minute'],
  [61, 'about 1 minute'],
  [7200, 'about 2 hours'],
  [4e9, 'centuries'],
])('%d s', (seconds, words) => {
  expect(wordsFor(seconds)).toBe(words);
});
