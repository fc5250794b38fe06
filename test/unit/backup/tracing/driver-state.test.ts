import { describe, expect, it } from 'vitest';
import { parseDriverState } from '../../../../src/backup/tracing/driver-state.ts';
import { randomFrom } from '../../../model/random.ts';
import { driverDocument } from './driver-document.ts';

/** dattobd 0.12.1 on Linux 6.1. */
const captured = driverDocument('0.12.1', [
  {
    minor: 0,
    cow_file: '/.datto0',
    block_device: '/dev/vda',
    max_cache: 314572800,
    fallocate: 41943040,
    cow_size_current: 41943040,
    seq_id: 1,
    uuid: '5653019309724c9f8465a5822601d5df',
    version: 1,
    nr_changed_blocks: 1,
    state: 3,
  },
]);

// 004-09 … 004-19, 004-27
describe('what a tracing driver says of itself', () => {
  it('is read as the driver writes it', () => {
    expect(parseDriverState(captured)).toEqual({
      version: '0.12.1',
      tracers: [
        {
          minor: 0,
          cowFile: '/.datto0',
          device: '/dev/vda',
          mode: 'snapshot',
          activity: 'active',
          error: null,
          series: { uuid: '5653019309724c9f8465a5822601d5df', sequence: 1, version: 1, changedBlocks: 1 },
          mostCache: 314572800,
          room: 41943040,
        },
      ],
    });
    expect(parseDriverState('{\n\t"version": "0.10.15",\n\t"devices": [\n\n\t]\n}\n').tracers).toEqual([]);
  });

  it('may have fields that are not known, and lack those of unverified and old ones', () => {
    const expanding = captured.replace(
      '"state"',
      '"auto_expand": {\n\t\t\t\t"step_size_mib": 5,\n\t\t\t\t"reserved_space_mib": 10\n\t\t\t},\n\t\t\t"state"',
    );
    expect(parseDriverState(expanding)).toEqual(parseDriverState(captured));
    const bare = { minor: 3, cow_file: '/mnt/cow', block_device: '/dev/sdb1', max_cache: 1, state: 4 };
    const old = { ...bare, minor: 4, fallocate: 5, seq_id: 2, uuid: '0'.repeat(32), error: -27, state: 3 };
    expect(parseDriverState(driverDocument('0.10.15', [bare, old])).tracers).toMatchObject([
      { series: null, room: null, activity: 'unverified', error: null },
      { series: { sequence: 2, version: null, changedBlocks: null }, error: -27 },
    ]);
  });

  // 004-17, 004-26
  it.each([
    [0, 'incremental', 'dormant'],
    [1, 'snapshot', 'dormant'],
    [2, 'incremental', 'active'],
    [3, 'snapshot', 'active'],
    [4, 'incremental', 'unverified'],
    [5, 'snapshot', 'unverified'],
  ] as const)('state %i is %s, %s', (state, mode, activity) => {
    const text = captured.replace('"state": 3', `"state": ${state}`);
    expect(parseDriverState(text).tracers).toMatchObject([{ mode, activity }]);
  });

  it.each(['a "quoted" one', 'back\\slash', 'ends",', '", "seq_id": 99, "x": "', 'tab\there', 'ü'])(
    'has paths that are not escaped: %s',
    (path) => {
      const text = captured.replace('/.datto0', () => path).replace('/dev/vda', () => `/dev/${path}`);
      expect(parseDriverState(text).tracers).toMatchObject([
        { cowFile: path, device: `/dev/${path}`, series: { sequence: 1 } },
      ]);
    },
  );

  it.each<[string, string, string]>([
    ['with a state that cannot be', '"state": 3', '"state": 6'],
    ['with half a series', '"seq_id": 1,', ''],
    ['with a uuid that is none', '5653', '565'],
    ['with a sequence of zero', '"seq_id": 1', '"seq_id": 0'],
    ['with a number past all numbers', '"seq_id": 1', '"seq_id": 99999999999999999999'],
    ['with an error that is none', '"state": 3', '"error": 5,\n\t\t\t"state": 3'],
    ['without a minor', '"minor": 0,', ''],
    ['with a path of two lines', '/.datto0', '/a\nb'],
    ['that breaks off', '\n\t]\n}', ''],
  ])('%s is refused', (_, from, to) => {
    expect(captured).toContain(from);
    expect(() => parseDriverState(captured.replace(from, to))).toThrow();
  });

  it('of two devices with one minor is refused, and one that does not end', () => {
    const device = { minor: 1, cow_file: '/a', block_device: '/dev/a', max_cache: 1, state: 4 };
    expect(() => parseDriverState(driverDocument('1', [device, device]))).toThrow(/twice/);
    expect(() => parseDriverState(' '.repeat(5_000_000))).toThrow(/longer/);
  });

  it('is refused or read, whatever is damaged in it', () => {
    const random = randomFrom(3);
    for (let round = 0; round < 3000; round++) {
      const at = random.below(captured.length);
      const damaged = captured.slice(0, at) + String.fromCharCode(32 + random.below(95)) + captured.slice(at + 1);
      let outcome: ReturnType<typeof parseDriverState> | null = null;
      try {
        outcome = parseDriverState(random.chance(0.1) ? damaged.slice(0, at) : damaged);
      } catch (error) {
        expect(error).toBeInstanceOf(Error);
      }
      for (const { minor, series } of outcome?.tracers ?? []) {
        expect(Number.isSafeInteger(minor) && (series === null || series.sequence > 0)).toBe(true);
      }
    }
  });
});
