import { expect, it } from 'vitest';
import { parseThinDelta } from '../../../../src/backup/trackers/thin-delta.ts';
import { randomFrom } from '../../../model/random.ts';

/** Of thin-provisioning-tools 0.9.0. */
const captured = `<superblock uuid="" time="2" transaction="3" data_block_size="128" nr_data_blocks="0">
  <diff left="2" right="3">
    <left_only begin="0" length="2"/>
    <same begin="2" length="18"/>
    <different begin="20" length="3"/>
    <same begin="23" length="137"/>
    <right_only begin="400" length="5"/>
  </diff>
</superblock>
`;
const block = 65536;

it('reads what the tool prints, in bytes', () => {
  expect(parseThinDelta(captured, 2, 3)).toEqual([
    [0, 2 * block],
    [20 * block, 3 * block],
    [400 * block, 5 * block],
  ]);
  const larger = captured.replace('data_block_size="128"', 'data_block_size="2048"');
  expect(parseThinDelta(larger, 2, 3)[1]).toEqual([20 * 16 * block, 3 * 16 * block]);
});

it('reads that nothing changed, in a volume that has nothing, too', () => {
  const lines = captured.split('\n');
  const nothing = [lines[0], lines[1], ...lines.slice(-3)].join('\n');
  expect(parseThinDelta(nothing, 2, 3)).toEqual([]);
  expect(parseThinDelta(captured.replaceAll(/left_only|right_only|different/g, 'same'), 2, 3)).toEqual([]);
});

it('refuses what breaks off anywhere', () => {
  for (let length = 0; length < captured.trimEnd().length; length++) {
    expect(() => parseThinDelta(captured.slice(0, length), 2, 3), `${length}`).toThrow(/something else/);
    if (length > 0) expect(() => parseThinDelta(captured.slice(length), 2, 3), `${length}`).toThrow(/something else/);
  }
});

it.each([
  ['of another volume', 'left="2"', 'left="7"'],
  ['of another order', 'left="2" right="3"', 'left="3" right="2"'],
  ['with an element that is not known', '<different ', '<moved '],
  ['with an attribute that is not known', '<different ', '<different shared="1" '],
  ['with a range that goes back', 'begin="23"', 'begin="22"'],
  ['with an empty range', 'length="137"', 'length="0"'],
  ['with a negative range', 'begin="20"', 'begin="-20"'],
  ['with a range past all numbers', 'length="5"', 'length="999999999999999"'],
  ['without the size of blocks', 'data_block_size="128" ', ''],
  ['with a size of blocks of 0', 'size="128"', 'size="0"'],
  ['with a size that no pool can have', 'size="128"', 'size="100"'],
  ['with more after its end', '</superblock>', '</superblock>\n<superblock>'],
  ['with a message within', '  </diff>', '  cannot read block 7\n  </diff>'],
])('refuses one %s', (_, from, to) => {
  expect(captured).toContain(from);
  expect(() => parseThinDelta(captured.replace(from, to), 2, 3)).toThrow(/something else/);
});

it('takes no damaged character for another meaning than a number', () => {
  const random = randomFrom(5);
  for (let round = 0; round < 2000; round++) {
    const at = random.below(captured.length);
    const damaged = captured.slice(0, at) + String.fromCharCode(32 + random.below(95)) + captured.slice(at + 1);
    try {
      for (const [offset, length] of parseThinDelta(damaged, 2, 3)) {
        expect(Number.isSafeInteger(offset) && offset >= 0 && length > 0).toBe(true);
      }
    } catch (error) {
      expect(String(error)).toMatch(/something else/);
    }
  }
});
