import { expect, it } from 'vitest';
import { fields, table } from '../../../src/cli/table.ts';

it('aligns columns and leaves no blanks at the end of a line', () => {
  const lines = table(
    [
      { title: 'disk', of: (row: { disk: string; size: string; note: string }) => row.disk },
      { title: 'size', of: (row) => row.size, align: 'right' },
      { title: 'note', of: (row) => row.note },
    ],
    [
      { disk: 'web1/sda', size: '16.0 GiB', note: '' },
      { disk: 'db/nvme0n1', size: '1 B', note: 'first' },
    ],
  );
  expect(lines).toEqual(['disk            size  note', 'web1/sda    16.0 GiB', 'db/nvme0n1       1 B  first']);
});

it('prints the heading alone when there are no rows', () => {
  expect(table([{ title: 'id', of: () => '' }], [])).toEqual(['id']);
});

it('aligns the values of fields', () => {
  expect(
    fields([
      ['id', '5f0c'],
      ['machine', 'web1'],
      ['note', ''],
    ]),
  ).toEqual(['id       5f0c', 'machine  web1', 'note']);
});

it('shows control characters of foreign text instead of sending them to the terminal', () => {
  expect(fields([['note', 'two\nlines\u001b[2J']])).toEqual(['note  two?lines?[2J']);
});
