/** What partclone has as used: an opinion that has nothing in common with ours. */
import { readFileSync, rmSync } from 'node:fs';
import type { Extents } from '../../../../../src/backup/allocation/allocation.ts';
import { extentsOf } from '../../../../../src/backup/allocation/extents.ts';
import { run } from '../../../mount/attach/images.ts';
import type { KindName } from './kinds.ts';

/** The lines of its map for ddrescue that say `+`. */
export function usedByPartclone(kind: KindName, image: string): Extents {
  const [map, log] = [`${image}.map`, `${image}.log`];
  run(`partclone.${kind}`, '-D', '-q', '-L', log, '-s', image, '-o', map);
  const lines = readFileSync(map, 'utf8').matchAll(/^(0x[0-9A-F]+) +(0x[0-9A-F]+) +\+$/gm);
  rmSync(map);
  rmSync(log);
  return extentsOf([...lines].map(([, offset, length]) => [Number(offset), Number(length)] as const));
}
