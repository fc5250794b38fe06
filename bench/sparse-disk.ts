/** `./run bench sparse16t`: a disk of nearly 16 TiB with little on it; memory must not grow with the disk. */
import { closeSync, openSync, readSync, statSync, truncateSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { diskImage } from './disk-image.ts';
import { measure, run, withWorkFolder } from './measure.ts';
import { randomBytesFrom } from './random.ts';
import { circumstances, describe, markdownTable, saveResults } from './report.ts';

// ext4 holds files of just under 16 TiB.
const size = 16 * 2 ** 40 - 2 ** 20;
const pieceBytes = 2 ** 20;
const pieces = 64;

/** Backs the disk up twice, verifies, restores it to a sparse file, and compares what was written to it. */
export function measureSparseDisk(): void {
  const steps = withWorkFolder((work) => {
    const disk = diskImage(work);
    closeSync(openSync(disk, 'w'));
    truncateSync(disk, size);
    writePieces(disk, 0, pieces);
    run(work, 'strata -q init');
    const backup = 'strata -q backup disk.img --machine bench';
    const full = measure(work, backup);
    writePieces(disk, pieces, pieces + 4);
    const incremental = measure(work, backup);
    const verify = measure(work, 'strata -q verify --all');
    const restore = measure(work, 'strata -q restore bench/disk.img@latest --to restored.img');
    comparePieces(disk, join(work, 'restored.img'));
    return { full, incremental, verify, restore };
  });
  const context = circumstances();
  saveResults('sparse16t', context, { imageBytes: size, steps });
  const rows = Object.entries(steps).map(([step, cost]) => [
    step,
    cost.wall.toFixed(2),
    cost.cpu.toFixed(2),
    (cost.peak / 2 ** 20).toFixed(0),
  ]);
  console.log(`${describe(context)}\n\n${markdownTable(['step', 'wall, s', 'CPU, s', 'peak, MiB'], rows)}`);
}

/** Where piece `index` lies: spread over the whole disk, in no order. */
function placeOf(index: number): number {
  const random = randomBytesFrom(index + 1)(4).readUInt32LE() / 2 ** 32;
  return Math.floor((random * (size - pieceBytes)) / 4096) * 4096;
}

function writePieces(disk: string, from: number, to: number): void {
  const fd = openSync(disk, 'r+');
  for (let index = from; index < to; index++) {
    writeSync(fd, randomBytesFrom(index + 1000)(pieceBytes), 0, pieceBytes, placeOf(index));
  }
  closeSync(fd);
}

/** Reading 16 TiB of holes takes an hour; so: the same size, the same pieces, and nothing beside them. */
function comparePieces(disk: string, restored: string): void {
  const [ours, theirs] = [openSync(disk, 'r'), openSync(restored, 'r')];
  const [a, b] = [Buffer.alloc(pieceBytes), Buffer.alloc(pieceBytes)];
  for (let index = 0; index < pieces + 4; index++) {
    readSync(ours, a, 0, pieceBytes, placeOf(index));
    readSync(theirs, b, 0, pieceBytes, placeOf(index));
    if (!a.equals(b)) throw new Error(`the restored disk differs in the MiB at ${placeOf(index)}`);
  }
  closeSync(ours);
  closeSync(theirs);
  const [original, copy] = [statSync(disk), statSync(restored)];
  if (original.size !== copy.size) throw new Error(`the restored disk has ${copy.size} bytes, not ${original.size}`);
  // Whole blocks are written back, so each piece may bring a block at either end.
  const allowed = original.blocks * 512 + (pieces + 4) * 2 * 2 ** 22;
  if (copy.blocks * 512 > allowed)
    throw new Error(`the restored disk occupies ${copy.blocks * 512} bytes: no longer sparse`);
}
