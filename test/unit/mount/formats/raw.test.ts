import { describe, expect, it } from 'vitest';
import { raw } from '../../../../src/mount/formats/raw.ts';
import { requestOf, sizes } from './cases.ts';
import { makeDisk } from './disks.ts';

describe('raw', () => {
  it.each(sizes)('has the exact size of a disk of %i bytes', (size) => {
    const disk = makeDisk(requestOf(size, 0));
    expect(raw.whyNot(disk.point)).toBeNull();
    expect(raw.layout(disk.point)).toEqual({ size, segments: [{ kind: 'disk', offset: 0, length: size }] });
  });
});
