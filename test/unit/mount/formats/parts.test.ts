/** The small parts that formats are made of. */
import { describe, expect, it } from 'vitest';
import { piecesOf, rangesOf } from '../../../../src/mount/formats/extents.ts';
import { guidBytes, makeGuid, uuidBytes } from '../../../../src/mount/formats/guid.ts';
import { LayoutBuilder } from '../../../../src/mount/formats/layout-builder.ts';
import { crc32c } from '../../../../src/repository/crc32c.ts';

describe('crc32c', () => {
  it('gives the published values', () => {
    // RFC 3720, B.4.
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
    expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa);
    expect(crc32c(Buffer.alloc(32, 0xff))).toBe(0x62a8ab43);
    expect(crc32c(Buffer.alloc(0))).toBe(0);
  });
});

describe('GUIDs', () => {
  it('are of version 8, the same for the same point and purpose', () => {
    const guid = makeGuid('a'.repeat(24), 'x');
    expect(guid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(makeGuid('a'.repeat(24), 'x')).toBe(guid);
    expect(makeGuid('a'.repeat(24), 'y')).not.toBe(guid);
    expect(makeGuid('b'.repeat(24), 'x')).not.toBe(guid);
  });

  it('are stored in either order of bytes', () => {
    const guid = '00112233-4455-6677-8899-aabbccddeeff';
    expect(uuidBytes(guid).toString('hex')).toBe('00112233445566778899aabbccddeeff');
    expect(guidBytes(guid).toString('hex')).toBe('33221100554477668899aabbccddeeff');
  });
});

describe('extents', () => {
  it('are cut at the end', () => {
    expect([...rangesOf(Float64Array.of(10, 5, 20, 10, 40, 1), 25)]).toEqual([
      { from: 10, to: 15 },
      { from: 20, to: 25 },
    ]);
  });

  it('touch pieces', () => {
    expect(piecesOf(Float64Array.of(1, 1, 3, 10, 19, 2, 40, 5, 50, 1), 10, 46)).toEqual([
      { from: 0, to: 3 },
      { from: 4, to: 5 },
    ]);
    expect(piecesOf(new Float64Array(), 10, 46)).toEqual([]);
  });
});

describe('a layout', () => {
  it('has neighbours as one segment, and none that is empty', () => {
    const builder = new LayoutBuilder();
    builder.zeros(0);
    builder.literal(Buffer.alloc(0));
    builder.disk(0, 0);
    builder.disk(0, 10);
    builder.disk(10, 5);
    builder.disk(20, 5);
    builder.zeros(3);
    builder.zerosTo(30);
    builder.zerosTo(30);
    expect(builder.size).toBe(30);
    expect(builder.finish()).toEqual({
      size: 30,
      segments: [
        { kind: 'disk', offset: 0, length: 15 },
        { kind: 'disk', offset: 20, length: 5 },
        { kind: 'zeros', length: 10 },
      ],
    });
  });

  it('leaves the zero pages of a table out', () => {
    const table = Buffer.alloc(5 * 4096 + 10);
    table[4096] = 1;
    table[2 * 4096 + 7] = 2;
    table[5 * 4096 + 9] = 3;
    const builder = new LayoutBuilder();
    builder.table(table);
    table.fill(9);
    const { size, segments } = builder.finish();
    expect(size).toBe(table.length);
    expect(segments.map((segment) => (segment.kind === 'literal' ? segment.bytes.length : segment))).toEqual([
      { kind: 'zeros', length: 4096 },
      2 * 4096,
      { kind: 'zeros', length: 2 * 4096 },
      10,
    ]);
    const [, literal] = segments;
    expect(literal?.kind === 'literal' && literal.bytes.indexOf(2)).toBe(4096 + 7);
  });
});
