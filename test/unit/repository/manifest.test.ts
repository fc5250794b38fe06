import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isStrataError } from '../../../src/errors.ts';
import { checkManifest, diskName, type Manifest } from '../../../src/repository/manifest.ts';
import { idFrom, sampleManifest } from './manifests.ts';

const sample = sampleManifest();
const check = (content: unknown) => checkManifest(sample.id, content);
const damaged = expect.objectContaining({ code: 'MANIFEST_DAMAGED', exitCode: 13 });

describe('checkManifest', () => {
  it('accepts a manifest, and fields that a later version adds', () => {
    expect(check(sample)).toEqual(sample);
    expect(check({ ...sample, later: 1 })).toEqual(sample);
  });

  it('names the newer format rather than damage', () => {
    expect(() => check({ format: 2 })).toThrow(expect.objectContaining({ code: 'FORMAT_NEWER' }));
  });

  const contradictions: [string, Partial<Manifest>][] = [
    ['is of another point', { id: idFrom('12') }],
    ['is full with a parent', { kind: 'full', parent: idFrom('12'), chainLength: 2 }],
    ['is incremental without a parent', { kind: 'incremental' }],
    ['has no parent but a chain', { chainLength: 2 }],
    ['has a parent but no chain', { kind: 'incremental', parent: idFrom('12'), chainLength: 1 }],
    ['is its own parent', { kind: 'incremental', parent: sample.id, chainLength: 2 }],
    ['names more blocks than the disk has', { map: { ...sample.map, dataBlocks: 11 } }],
    ['has its index outside its map', { map: { ...sample.map, loc: { ...sample.map.loc, bytes: 999 } } }],
    ['has an unreadable range outside the disk', { unreadable: [[999_999, 2]] }],
    ['has a size beyond what numbers can hold', { size: 2 ** 53 }],
    ['has blocks that are no power of two', { blockSize: 65537 }],
    ['has a time without a zone', { time: '2026-11-20T22:00:00.123' }],
    ['has a machine with a slash', { machine: 'a/b' }],
  ];
  it.each(contradictions)('refuses one that %s', (_, fields) => {
    expect(() => check({ ...sample, ...fields })).toThrow(damaged);
  });

  it('gives MANIFEST_DAMAGED and nothing else for any content', () => {
    fc.assert(
      fc.property(fc.anything(), (content) => {
        expectRefusal(content);
      }),
    );
  });

  it('gives MANIFEST_DAMAGED and nothing else when any field is mangled', () => {
    const paths = pathsOf(sample);
    fc.assert(
      fc.property(fc.constantFrom(...paths), fc.jsonValue(), (path, value) => {
        const mangled = structuredClone(sample) as unknown as Record<string, unknown>;
        place(mangled, path, value);
        let accepted: Manifest;
        try {
          accepted = check(mangled);
        } catch (error) {
          expect(codeExpected(mangled, error)).toBe(true);
          return;
        }
        // What passes is of the right shape everywhere: the same paths lead to values of the same types.
        expect(accepted).toEqual(mangled);
        expect(typeof at(accepted, path)).toBe(path.join('.') === 'parent' ? 'object' : typeof at(sample, path));
      }),
      { numRuns: 2000 },
    );
  });

  it('gives MANIFEST_DAMAGED when any field is missing', () => {
    for (const path of pathsOf(sample)) {
      const mangled = structuredClone(sample) as unknown as Record<string, unknown>;
      place(mangled, path, undefined);
      expectRefusal(mangled);
    }
  });
});

describe('diskName', () => {
  it.each(['sda', 'C:', 'a b', 'data@home.img', 'äöü', '...', 'x'.repeat(255)])('takes %s', (name) => {
    expect(diskName.safeParse(name).success).toBe(true);
  });

  it.each(['', '.', '..', 'a/b', 'a\\b', 'a\nb', 'a\u0000', 'a\u2028b', '\ud800', 'x'.repeat(256), 'ä'.repeat(128)])(
    'refuses %j',
    (name) => {
      expect(diskName.safeParse(name).success).toBe(false);
    },
  );
});

function expectRefusal(content: unknown): void {
  try {
    check(content);
  } catch (error) {
    expect(codeExpected(content, error)).toBe(true);
    return;
  }
  throw new Error('it was accepted');
}

function codeExpected(content: unknown, error: unknown): boolean {
  const format = (content as { format?: unknown } | null)?.format;
  const newer = typeof format === 'number' && Number.isSafeInteger(format) && format > 1;
  return isStrataError(error, newer ? 'FORMAT_NEWER' : 'MANIFEST_DAMAGED');
}

function pathsOf(value: unknown, path: readonly string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [[...path]];
  const inside = Object.entries(value).flatMap(([key, inner]) => pathsOf(inner, [...path, key]));
  return path.length === 0 ? inside : [[...path], ...inside];
}

function at(value: unknown, path: readonly string[]): unknown {
  return path.reduce((inner, key) => (inner as Record<string, unknown>)[key], value);
}

function place(into: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const holder = at(into, path.slice(0, -1)) as Record<string, unknown>;
  holder[path.at(-1) ?? ''] = value;
}
