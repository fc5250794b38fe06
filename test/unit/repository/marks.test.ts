import { describe, expect, it } from 'vitest';
import { readMarks, writeMark } from '../../../src/repository/marks.ts';
import type { Repository } from '../../../src/repository/repository.ts';
import { scratchRepository } from '../scratch.ts';
import { idFrom } from './manifests.ts';

const [a, b] = [idFrom('aa'), idFrom('bb')];

async function names(repo: Repository): Promise<string[]> {
  const found: string[] = [];
  for await (const { name } of repo.store.list('marks/')) found.push(name);
  return found.sort();
}

describe('marks', () => {
  it('hold as last set, one object for each kind', async () => {
    const repo = await scratchRepository();
    for (const value of [true, false, true, false]) await writeMark(repo, a, 'protected', value);
    await writeMark(repo, a, 'verified', true);
    await writeMark(repo, b, 'protected', true);
    const { marks } = await readMarks(repo);
    expect(marks.get(a)).toMatchObject({ protected: { value: false }, verified: { value: true } });
    expect(marks.get(b)).toMatchObject({ protected: { value: true } });
    expect(await names(repo)).toEqual([`marks/${a}.protected.4`, `marks/${a}.verified.1`, `marks/${b}.protected.1`]);
    expect([...(await readMarks(repo, { point: b })).marks.keys()]).toEqual([b]);
  });

  it('set by many at once are all written, and the last holds', async () => {
    const repo = await scratchRepository();
    await Promise.all(Array.from({ length: 6 }, () => writeMark(repo, a, 'protected', true)));
    expect((await readMarks(repo)).marks.get(a)).toMatchObject({ protected: { value: true } });
  });

  it('that are damaged count for the careful side and are named', async () => {
    const repo = await scratchRepository();
    for (const kind of ['protected', 'forgotten', 'verified']) {
      await repo.store.put(`marks/${a}.${kind}.1`, Buffer.from('garbage'));
    }
    const { marks, damaged } = await readMarks(repo);
    expect(marks.get(a)).toMatchObject({
      protected: { value: true },
      forgotten: { value: false },
      verified: { value: false },
    });
    expect(damaged.map(({ name }) => name).sort()).toEqual(await names(repo));
  });
});
