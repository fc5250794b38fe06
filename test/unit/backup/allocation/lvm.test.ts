import { execFileSync } from 'node:child_process';
import { readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { complement, covers, union } from '../../../../src/backup/allocation/extents.ts';
import { lvmAllocation } from '../../../../src/backup/allocation/lvm/lvm.ts';
import { parseText } from '../../../../src/backup/allocation/lvm/text.ts';
import { randomFrom } from '../../../model/random.ts';
import { attach, hasLoop } from '../../loop.ts';
import { scratchMemory } from '../../scratch.ts';
import { changeAnyhow, whileChanged } from './mutations.ts';
import { volumeOfBytes } from './volumes.ts';

const mib = 1024 ** 2;
const hasLvm = hasLoop && hasProgram('pvcreate');

describe.skipIf(!hasLvm)('with lvm2 (needs root, loop devices and lvm)', () => {
  it('finds the extents that volumes have, and no change to the metadata makes one free', async () => {
    const [first, second] = [await physicalVolume(), await physicalVolume()];
    const group = `strata${process.pid}`;
    lvm('vgcreate', group, first.device, second.device);
    lvm('lvcreate', '-n', 'gone', '-L', '16M', group, first.device);
    lvm('lvcreate', '-n', 'stays', '-L', '12M', group, first.device);
    lvm('lvcreate', '-n', 'striped', '-i', '2', '-L', '16M', group);
    lvm('lvcreate', '-n', 'later', '-L', '8M', group, first.device);
    lvm('lvremove', '-y', `${group}/gone`);
    lvm('lvextend', '-L', '+8M', `${group}/stays`, first.device);
    for (const { device, image } of [first, second]) {
      const bytes = await readFile(image);
      const found = await lvmAllocation(volumeOfBytes(bytes));
      if (found === null || !('used' in found)) throw new Error(`no map: ${JSON.stringify(found)}`);
      expect(found.used).toEqual(segmentsOf(device, bytes.length));
      const random = randomFrom(31);
      const [volume, change] = [volumeOfBytes(bytes), changeAnyhow(random)];
      for (let round = 0; round < 500; round++) {
        const at = random.below(random.chance(0.5) ? 8192 : 64 * 1024);
        const other = await whileChanged(bytes, at, change, () => lvmAllocation(volume));
        if (other !== null && 'used' in other) expect(covers(other.used, found.used)).toBe(true);
      }
    }
  });
});

it('reads the text of LVM2', () => {
  const text =
    '# made by\na { x = 1 # one\n y="q \\" z"\n list = ["p", 2]\n none = []\n 1b-c.d { } }\nversion = -1\n\0';
  const { sections, values } = parseText(text);
  expect(values.get('version')).toBe(-1);
  const a = sections.get('a');
  expect([...(a?.values ?? [])]).toEqual([
    ['x', 1],
    ['y', 'q " z'],
    ['list', ['p', 2]],
    ['none', []],
  ]);
  expect(a?.sections.has('1b-c.d')).toBe(true);
  for (const wrong of [
    'a {',
    'a }',
    'a = ',
    'a = [1',
    '= 1',
    'a b',
    'a = {',
    'a=1 a=2',
    'a { b { c { d { e { f { g { h { i {',
  ])
    expect(() => parseText(wrong), wrong).toThrow(/metadata/);
});

async function physicalVolume(): Promise<{ image: string; device: string }> {
  const image = join(await scratchMemory(), 'pv');
  await writeFile(image, '');
  await truncate(image, 120 * mib + 12_345 * 512);
  const device = attach(image);
  lvm('pvcreate', device);
  return { image, device };
}

/** As pvs tells them. */
function segmentsOf(device: string, size: number) {
  const words = ['--noheadings', '--units', 'b', '--nosuffix', '--segments'];
  const listed = lvm('pvs', ...words, '-o', 'pe_start,vg_extent_size,pvseg_start,pvseg_size,lv_name', device);
  const free = listed
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , , , name]) => name === undefined);
  const runs = free.map(
    ([start, extent, first, count]) =>
      [Number(start) + Number(first) * Number(extent), Number(count) * Number(extent)] as const,
  );
  return complement(union(runs), size);
}

/** The kernel need not have the device mapper: nothing is activated. */
function lvm(program: string, ...words: string[]): string {
  const still = program === 'lvcreate' ? ['-an', '-Zn', '-Wn'] : [];
  return execFileSync(program, ['--driverloaded', 'n', ...still, ...words], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

function hasProgram(name: string): boolean {
  try {
    execFileSync(name, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
