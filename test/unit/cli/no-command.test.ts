import { expect, it } from 'vitest';
import { namesNoCommand } from '../../../src/cli/run.ts';

it.each([
  [[], true],
  [['--repo', '/srv/backups'], true],
  [['-q', '--repo=/srv/backups', '--password-file', 'key'], true],
  [['points'], false],
  [['--repo', '/srv/backups', 'points', '--limit', '1'], false],
  [['pionts'], false],
  [['--repo', '/srv/backups', 'pionts'], false],
  [['--rpeo', '/srv/backups'], false],
  [['--help'], false],
  [['-h'], false],
])('%j names no command: %s', (words, is) => {
  expect(namesNoCommand(words)).toBe(is);
});

it('what is wrong with an option is said as everywhere', () => {
  expect(() => namesNoCommand(['--repo'])).toThrow('argument missing');
});
