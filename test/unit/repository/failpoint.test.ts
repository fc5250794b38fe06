import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { armFailpoint } from '../../../src/repository/failpoint.ts';
import { scratchFolder } from '../scratch.ts';

describe('a failpoint', () => {
  it('does nothing when nothing is asked for', () => {
    expect(armFailpoint({})('store.link')).toBeUndefined();
  });

  it('strikes at the n-th passage of its name, once, as a system call fails', () => {
    const pass = armFailpoint({ STRATA_FAILPOINT: 'store.link:2:eio' });
    pass('store.link');
    pass('store.write');
    expect(() => pass('store.link')).toThrow(expect.objectContaining({ code: 'EIO', errno: -5 }));
    pass('store.link');
  });

  it('counts every name for *', () => {
    const pass = armFailpoint({ STRATA_FAILPOINT: '*:3:enospc' });
    pass('store.open');
    pass('store.write');
    expect(() => pass('store.link')).toThrow(expect.objectContaining({ code: 'ENOSPC', errno: -28 }));
  });

  it('goes on striking with a dash', () => {
    const pass = armFailpoint({ STRATA_FAILPOINT: 'store.link:2-:eio' });
    pass('store.link');
    for (let more = 0; more < 3; more++) expect(() => pass('store.link')).toThrow('EIO');
  });

  it('leaves a trace', async () => {
    const trace = join(await scratchFolder(), 'trace');
    const pass = armFailpoint({ STRATA_FAILPOINT_TRACE: trace });
    pass('store.open');
    pass('store.link');
    expect(await readFile(trace, 'utf8')).toBe('store.open\nstore.link\n');
  });

  it.each(['store.link', 'store.link:0:eio', 'store.link:1:boom', 'a b:1:eio', ':1:eio'])(
    'is not armed by %s',
    (request) => {
      expect(() => armFailpoint({ STRATA_FAILPOINT: request })).toThrow('STRATA_FAILPOINT is not');
    },
  );
});
