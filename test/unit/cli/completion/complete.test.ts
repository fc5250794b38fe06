import { describe, expect, it, test } from 'vitest';
import { complete } from '../../../../src/cli/completion/complete.ts';
import { buildProgram } from '../../../../src/cli/program.ts';

const repositories: Record<string, string[]> = { '/backup': ['5f0c', '5fff', '91ab'], '': ['0000'] };

async function answer(...words: string[]): Promise<string[]> {
  const points = async (repo: string | undefined) =>
    (repositories[repo ?? ''] ?? []).map((value) => ({ value, description: '' }));
  const { candidates, files } = await complete(buildProgram(), words, points);
  return [...candidates.map(({ value }) => value), ...(files ? [':files'] : [])];
}

test.each<[string[], string[]]>([
  [['res'], ['restore']],
  [['--repo', '/backup', 'res'], ['restore']],
  [
    ['key', ''],
    ['list', 'add', 'remove', 'passwd', 'help'],
  ],
  [['key', 'pa'], ['passwd']],
  [
    ['completion', ''],
    ['bash', 'zsh', 'fish'],
  ],
  [['backup', 'x.img', '--ty'], ['--type']],
  [
    ['backup', '--type', ''],
    ['manual', 'scheduled', 'snapshot', 'pre-deploy'],
  ],
  [
    ['backup', '--type=s'],
    ['scheduled', 'snapshot'],
  ],
  [['backup', '--type', '=', 'p'], ['pre-deploy']],
  [
    ['backup', '--type', '='],
    ['manual', 'scheduled', 'snapshot', 'pre-deploy'],
  ],
  [['backup', ''], [':files']],
  [['backup', 'x.img', ''], [':files']],
  [['show', '5f0c', ''], []],
  [['backup', '--machine', ''], []],
  [['backup', '--full', 'x'], [':files']],
  [['--repo', ''], [':files']],
  [['restore', '--to', ''], [':files']],
  [
    ['--repo', '/backup', 'show', ''],
    ['5f0c', '5fff', '91ab'],
  ],
  [['show', '5f', '--repo', '/backup'], [':files']],
  [
    ['--repo=/backup', 'show', '5f'],
    ['5f0c', '5fff'],
  ],
  [['show', ''], ['0000']],
  [['show', '--repo', '/elsewhere', ''], []],
  [
    ['diff', '91ab', '--repo', '/backup', '5'],
    ['5f0c', '5fff'],
  ],
  [['forget', 'a', 'b', 'c', '--repo', '/backup', '9'], ['91ab']],
])('%j → %j', async (words, expected) => {
  expect(await answer(...words)).toEqual(expected);
});

it('offers commands first, and not the one that completion itself uses', async () => {
  const offered = await answer('');
  expect(offered.slice(0, 4)).toEqual(['setup', 'init', 'backup', 'points']);
  expect(offered).not.toContain('__complete');
});

describe('options', () => {
  it('are those of the command and the global ones', async () => {
    const offered = await answer('verify', '-');
    expect(offered).toEqual(expect.arrayContaining(['--all', '--sample', '--repo', '--json', '--help']));
    expect(offered).not.toContain('--delta');
  });
});
