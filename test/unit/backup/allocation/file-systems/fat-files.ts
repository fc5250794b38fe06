/** Files on FAT, which few kernels of test machines know: by mtools. */
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Random } from '../../../../model/random.ts';
import { run } from '../../../mount/attach/images.ts';
import { type Contents, content, contentsOf } from './ageing.ts';

/** Copies folders of files into the image and deletes some of the files again, several times. */
export function ageFat(image: string, random: Random, steps: number): void {
  const rounds = 4;
  for (let round = 0; round < rounds; round++) {
    const folder = mkdtempSync(`${image}.`);
    const source = join(folder, `round ${round}`);
    mkdirSync(source);
    const names = Array.from({ length: Math.ceil(steps / rounds) }, (_, n) => `file ${n}.dat`);
    for (const name of names) writeFileSync(join(source, name), content(random));
    try {
      run('mcopy', '-s', '-Q', '-i', image, source, '::/');
    } catch {
      // No more room in the root folder, or in the file system.
    } finally {
      rmSync(folder, { recursive: true });
    }
    const present = Object.keys(contentsOfFat(image)).filter((path) => path.endsWith('.dat'));
    const gone = present.filter(() => random.chance(0.4)).map((path) => `::/${path}`);
    if (gone.length > 0) run('mdel', '-i', image, ...gone);
  }
}

export function contentsOfFat(image: string): Contents {
  const folder = mkdtempSync(`${image}.`);
  try {
    run('mcopy', '-s', '-n', '-Q', '-i', image, '::/*', folder);
    return contentsOf(folder);
  } catch (error) {
    if (String(error).includes('File "::/*" not found')) return {};
    throw error;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Bytes of an image that are in use or no clusters', as its checker counts them. */
export function bytesByFsck(image: string): number {
  const report = run('fsck.vfat', '-n', '-v', image);
  const clusterSize = Number(/(\d+) bytes per cluster/.exec(report)?.[1]);
  const dataStart = Number(/Data area starts at byte (\d+)/.exec(report)?.[1]);
  const [, used, clusters] = /, (\d+)\/(\d+) clusters/.exec(report) ?? [];
  const rest = statSync(image).size - dataStart - Number(clusters) * clusterSize;
  return dataStart + Number(used) * clusterSize + rest;
}
