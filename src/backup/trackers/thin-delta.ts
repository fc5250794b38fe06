/** What `thin_delta` (thin-provisioning-tools) prints of two volumes of a pool. */
import type { Extents } from '../allocation/allocation.ts';
import { ExtentList, scale } from '../allocation/extents.ts';

const sector = 512;
/** The kernel's limits of a pool's blocks, in sectors. */
const [leastBlock, mostBlock] = [128, 2_097_152];

const start = /^<superblock ((?:[a-z_]+="[^"]*" ?)+)>$/;
const entry = /^<(same|different|left_only|right_only) begin="(\d{1,15})" length="(\d{1,15})"\/>$/;

/**
 * The bytes whose place in the pool is not the same in both volumes; what neither of them has a place for is not among
 * them. Throws unless it is all and only what the tool prints, of these two.
 */
export function parseThinDelta(output: string, before: number, now: number): Extents {
  const lines = output.split('\n').map((line) => line.trim());
  const expect = (is: boolean, what: string) => {
    if (!is) throw new Error(`thin_delta prints something else than expected: ${what}`);
  };
  const [, attributes = ''] = start.exec(lines[0] ?? '') ?? [];
  const [, text = ''] = /(?:^| )data_block_size="(\d{1,7})"/.exec(attributes) ?? [];
  const block = Number(text);
  expect(block >= leastBlock && block <= mostBlock && block % leastBlock === 0, lines[0] ?? '');
  expect(lines[1] === `<diff left="${before}" right="${now}">`, lines[1] ?? 'no second line');
  const end = lines.indexOf('</diff>');
  expect(end > 0, 'it does not end');
  expect(lines.slice(end + 1).join('') === '</superblock>', lines.slice(end + 1).join(' ') || 'it does not end');
  const changed = new ExtentList();
  let last = 0;
  for (const line of lines.slice(2, end)) {
    const [, what, begin = '', length = ''] = entry.exec(line) ?? [];
    const [first, count] = [Number(begin), Number(length)];
    expect(what !== undefined && first >= last && count > 0, line);
    expect(Number.isSafeInteger((first + count) * block * sector), line);
    last = first + count;
    if (what !== 'same') changed.add(first, count);
  }
  return scale(changed.extents, block * sector);
}
