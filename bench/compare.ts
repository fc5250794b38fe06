/**
 * `./run bench`: Strata beside its peers. In each round every step is done by all of them, one right after the
 * other, in turned order every second round; ratios are taken within a round and their median is reported.
 */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Contestant, contestants, leftovers, restoredImage, type Step, steps } from './contestants.ts';
import { makeDiskImage } from './disk-image.ts';
import { bytesOf, type Cost, measure, run, withWorkFolder } from './measure.ts';
import { compressedBlocks, usedBytes, writeRandomPages } from './random-writes.ts';

export interface Measurement extends Cost {
  readonly round: number;
  readonly step: Step;
  readonly contestant: string;
  /** Bytes added to its storage. */
  readonly stored: number;
}

export interface Comparison {
  readonly imageBytes: number;
  readonly usedBytes: number;
  /** Of each round: the changed blocks of the incremental step, each compressed by itself with zstd 1. */
  readonly changedCompressed: readonly number[];
  readonly measurements: readonly Measurement[];
}

const changedShare = 0.01;

/** Measures `rounds` rounds on an image of `size` bytes. */
export function compare(size: number, rounds: number): Comparison {
  return withWorkFolder((work) => {
    console.error('bench: making the disk image');
    makeDiskImage(work, size);
    run(work, 'mv disk.img base.img');
    const measurements: Measurement[] = [];
    const changedCompressed: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const order = round % 2 === 0 ? contestants : contestants.toReversed();
      run(work, 'cp --sparse=always base.img disk.img');
      for (const contestant of order) if (contestant.prepare) run(work, contestant.prepare);
      for (const step of steps) {
        if (step === 'incremental') {
          const places = writeRandomPages(work, changedShare, round + 2);
          changedCompressed.push(compressedBlocks(work, places, blockSizeOf(work)));
        }
        for (const contestant of order) measurements.push(...measureStep(work, round, step, contestant));
      }
      for (const { storage } of contestants) if (storage) rmSync(join(work, storage), { recursive: true, force: true });
      run(work, 'rm -rf restic-cache borg-home cache');
    }
    run(work, 'mv base.img disk.img');
    return { imageBytes: size, usedBytes: usedBytes(work), changedCompressed, measurements };
  });
}

function measureStep(work: string, round: number, step: Step, contestant: Contestant): readonly Measurement[] {
  const command = contestant.commands[step];
  if (!command) return [];
  const storage = contestant.storage ? join(work, contestant.storage) : null;
  const before = storage ? bytesOf(storage) : 0;
  const read = before > 0 && contestant.storage ? ['disk.img', contestant.storage] : ['disk.img'];
  const cost = measure(work, command, read);
  const stored = storage ? bytesOf(storage) - before : 0;
  console.error(`bench: round ${round + 1}, ${step}, ${contestant.name}: ${cost.wall.toFixed(2)} s`);
  if (step === 'restore' && contestant.name === 'strata') run(work, `cmp ${restoredImage} disk.img`);
  for (const path of leftovers) rmSync(join(work, path), { recursive: true, force: true });
  return [{ ...cost, round, step, contestant: contestant.name, stored }];
}

function blockSizeOf(work: string): number {
  return (JSON.parse(readFileSync(join(work, 'strata/strata.json'), 'utf8')) as { blockSize: number }).blockSize;
}
