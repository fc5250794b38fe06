/** `./run bench blocksize`: what each block size costs and gives; the table behind the default. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeDiskImage } from './disk-image.ts';
import { bytesOf, measure, run, withWorkFolder } from './measure.ts';
import { usedBytes, writeRandomPages } from './random-writes.ts';
import { circumstances, describe, markdownTable, saveResults } from './report.ts';

interface BlockSizeFigures {
  readonly blockSize: number;
  readonly usedBytes: number;
  readonly fullStored: number;
  readonly fullSeconds: number;
  readonly unchangedSeconds: number;
  readonly restoreSeconds: number;
  readonly peak: number;
  readonly mapBytes: number;
  /** Stored by an incremental after 4 KiB writes over 0.1 % and then 1 % of the used bytes. */
  readonly incrementalStored: readonly number[];
}

const blockSizes = [64, 128, 256, 512, 1024].map((kibibytes) => kibibytes * 1024);
const shares = [0.001, 0.01];

/** Measures every block size on one image of `size` bytes; keeps the table in docs/block-size.md. */
export function compareBlockSizes(size: number): void {
  const figures = withWorkFolder((work) => {
    console.error('bench: making the disk image');
    makeDiskImage(work, size);
    run(work, 'mv disk.img base.img');
    return blockSizes.map((blockSize) => measureBlockSize(work, blockSize));
  });
  const context = circumstances();
  saveResults('blocksize', context, { imageBytes: size, figures });
  const table = markdownTable(
    [
      'block',
      'full, MiB',
      'ratio',
      '+0.1 %, MiB',
      '+1 %, MiB',
      'map a TiB, MiB',
      'full, MiB/s',
      'again, MiB/s',
      'restore, MiB/s',
      'peak, MiB',
    ],
    figures.map(rowOf),
  );
  const path = fileURLToPath(new URL('../docs/block-size.md', import.meta.url));
  writeFileSync(path, page(describe(context), figures[0]?.usedBytes ?? 0, size, table));
  console.log(table);
}

function measureBlockSize(work: string, blockSize: number): BlockSizeFigures {
  console.error(`bench: block size ${blockSize}`);
  run(work, 'cp --sparse=always base.img disk.img && cat disk.img >/dev/null');
  run(work, `strata -q init --block-size ${blockSize}`);
  const backup = 'strata -q backup disk.img --machine bench';
  const full = measure(work, backup, ['disk.img']);
  const fullStored = bytesOf(join(work, 'strata'));
  const mapBytes = bytesOf(join(work, 'strata/maps'));
  const unchanged = measure(work, backup, ['disk.img']);
  const peaks = [full.peak, unchanged.peak];
  const incrementalStored = shares.map((share, index) => {
    writeRandomPages(work, share, index + 2);
    const before = bytesOf(join(work, 'strata'));
    peaks.push(measure(work, backup, ['disk.img']).peak);
    return bytesOf(join(work, 'strata')) - before;
  });
  const restore = measure(work, 'strata -q restore bench/disk.img@latest --to restored.img', ['strata']);
  run(work, 'cmp restored.img disk.img');
  const used = usedBytes(work);
  for (const path of ['restored.img', 'strata', 'cache']) rmSync(join(work, path), { recursive: true, force: true });
  return {
    blockSize,
    usedBytes: used,
    fullStored,
    fullSeconds: full.wall,
    unchangedSeconds: unchanged.wall,
    restoreSeconds: restore.wall,
    peak: Math.max(...peaks, restore.peak),
    mapBytes,
    incrementalStored,
  };
}

function rowOf(figures: BlockSizeFigures): readonly string[] {
  const mebibytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(1);
  const rate = (seconds: number): string => (figures.usedBytes / 2 ** 20 / seconds).toFixed(0);
  return [
    `${figures.blockSize / 1024} KiB`,
    mebibytes(figures.fullStored),
    (figures.usedBytes / figures.fullStored).toFixed(2),
    ...figures.incrementalStored.map(mebibytes),
    mebibytes((figures.mapBytes / figures.usedBytes) * 2 ** 40),
    rate(figures.fullSeconds),
    rate(figures.unchangedSeconds),
    rate(figures.restoreSeconds),
    mebibytes(figures.peak),
  ];
}

const page = (where: string, used: number, size: number, table: string): string => `# Block size

Written by \`./run bench blocksize\`. ${where}
An ext4 image of ${(size / 2 ** 20).toFixed(0)} MiB with ${(used / 2 ** 20).toFixed(0)} MiB in use (files of /usr), in the page cache. Then random 4 KiB
writes over 0.1 % and again over 1 % of the bytes in use, spread evenly, which is the worst that can happen to a large block.

${table}

*full*, *+0.1 %*, *+1 %*: what the repository grows by. *ratio*: bytes in use to bytes stored. *map a TiB*: both columns of a full map,
extrapolated to 1 TiB in use. *again*: the second run of an unchanged disk. Rates count the bytes in use. *peak*: the
largest resident set of any of the runs.

The default is 256 KiB. Below it the full does not shrink, for zstd finds less in a small block, and the maps double with each halving;
above it an incremental of scattered writes grows by half and more with each doubling, while speed gains little. Databases that
write small pages all over the disk are better off with \`init --block-size 64K\`, archives with 1M.
`;
