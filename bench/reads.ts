/**
 * `./run bench reads`: what need not be read. An incremental of a large sparse image with the tracker `reflink`; the allocation maps of file
 * systems of 1 TiB, half full; a full backup of a file system whose free space is full of what was deleted, beside partclone piped into zstd.
 */
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { makeDiskImage } from './disk-image.ts';
import { bytesOf, measure, run, withWorkFolder } from './measure.ts';
import { randomBytesFrom } from './random.ts';
import { circumstances, describe, markdownTable, median, saveResults } from './report.ts';
import type { Verdict } from './targets.ts';

const mebibyte = 2 ** 20;
const gibibyte = 2 ** 30;
const tebibyte = 2 ** 40;

interface Row {
  readonly what: string;
  /** Seconds. */
  readonly wall: number;
  readonly beside: string;
}

interface Found {
  readonly rows: readonly Row[];
  readonly verdicts: readonly Verdict[];
}

/** Measures all of it, prints a table and keeps the figures. */
export function measureReads(size: number, rounds: number): void {
  const parts = withWorkFolder((work) => [
    tracked(work),
    ...fileSystems.map((each) => mapped(work, each)),
    stale(work, size, rounds),
  ]);
  const rows = parts.flatMap((part) => part.rows);
  const verdicts = parts.flatMap((part) => part.verdicts);
  const context = circumstances();
  saveResults('reads', context, { size, rounds, rows, verdicts });
  console.log(`${describe(context)}\n`);
  const cells = rows.map(({ what, wall, beside }) => [what, wall.toFixed(2), beside]);
  console.log(`${markdownTable(['what', 'wall, s', 'beside'], cells)}\n`);
  for (const { target, limit, value, reached } of verdicts)
    console.log(`${reached ? 'reached' : 'MISSED '}  ${target} ${limit}: ${value.toFixed(2)}`);
}

/** Writes random content of `total` bytes in runs of `length` at random places of an image. */
function write(
  path: string,
  size: number,
  { total, length, seed }: { total: number; length: number; seed: number },
): void {
  const random = randomBytesFrom(seed);
  const fd = openSync(path, 'r+');
  try {
    for (let done = 0; done < total; done += length) {
      const place = (random(4).readUInt32LE() * 65536) % (size - length);
      writeSync(fd, random(length), 0, length, place);
    }
  } finally {
    closeSync(fd);
  }
}

interface BackupFigures {
  readonly bytesRead: number;
  readonly tracker: string;
}

function lastLine(path: string): string {
  return readFileSync(path, 'utf8').trim().split('\n').at(-1) ?? '';
}

/** 100 GiB, 2 of them written; between two points little changes. */
function tracked(work: string): Found {
  const size = 100 * gibibyte;
  const place = join(work, 'xfs');
  mkdirSync(place);
  run(work, 'truncate -s 16G xfs.img && mkfs.xfs -q -m reflink=1 xfs.img && mount -o loop xfs.img xfs');
  try {
    const image = join(place, 'disk.img');
    run(work, `truncate -s ${size} xfs/disk.img`);
    write(image, size, { total: 2 * gibibyte, length: 4 * mebibyte, seed: 1 });
    const backup = 'strata -q backup xfs/disk.img --machine bench --snapshot reflink --tracker reflink --json >result';
    run(work, `strata -q init >/dev/null && ${backup}`);
    const point = (what: string, changed: number, length: number, seed: number) => {
      write(image, size, { total: changed, length, seed });
      run(work, 'sync');
      const { wall } = measure(work, backup);
      const { bytesRead, tracker } = JSON.parse(lastLine(join(work, 'result'))) as BackupFigures;
      if (tracker !== 'reflink') throw new Error(`the tracker was ${tracker}`);
      console.error(`bench: ${what}: ${wall.toFixed(2)} s, read ${(bytesRead / mebibyte).toFixed(1)} MiB`);
      return { row: { what, wall, beside: `read ${(bytesRead / mebibyte).toFixed(1)} MiB` }, bytesRead, wall };
    };
    const nothing = point('100 GiB, nothing changed, tracker reflink', 0, mebibyte, 2);
    const little = point('100 GiB, 100 MiB changed in runs of 4 MiB', 100 * mebibyte, 4 * mebibyte, 3);
    const more = point('100 GiB, 400 MiB changed in runs of 4 MiB', 400 * mebibyte, 4 * mebibyte, 4);
    const scattered = point('100 GiB, 100 MiB changed in runs of 64 KiB', 100 * mebibyte, 65536, 5);
    const reading = measure(work, 'dd if=xfs/disk.img of=/dev/null bs=4M count=25 iflag=direct status=none').wall;
    return {
      rows: [nothing.row, little.row, more.row, scattered.row],
      verdicts: [
        atMost('tracker reflink, 100 MiB of 100 GiB changed: seconds beyond reading 100 MiB', 2, little.wall - reading),
        atMost('tracker reflink: bytes read over bytes changed', 1.1, little.bytesRead / (100 * mebibyte)),
      ],
    };
  } finally {
    run(work, 'umount xfs; rm -rf xfs xfs.img strata');
  }
}

interface FileSystem {
  readonly name: string;
  readonly make: string;
}

const fileSystems: readonly FileSystem[] = [
  { name: 'ext4', make: 'mkfs.ext4 -q' },
  { name: 'XFS', make: 'mkfs.xfs -q' },
  { name: 'Btrfs', make: 'mkfs.btrfs -q' },
];

/** A thousand files of 1 GiB that were given room, and every second removed again. */
function mapped(work: string, { name, make }: FileSystem): Found {
  const place = join(work, 'place');
  mkdirSync(place);
  run(work, `truncate -s ${tebibyte} large.img && ${make} large.img && mount -o loop large.img place`);
  try {
    run(work, 'for n in $(seq 1000); do fallocate -l 1G place/$n; done; seq -f place/%.0f 1 2 1000 | xargs rm');
  } finally {
    run(work, 'umount place && rmdir place');
  }
  run(work, 'test -e strata || strata -q init >/dev/null');
  const { wall } = measure(
    work,
    'strata -q backup large.img --machine bench --dry-run --allocation required --json >result',
  );
  const { allocation } = JSON.parse(lastLine(join(work, 'result'))) as { allocation: { used: number | null }[] };
  const used = allocation[0]?.used;
  if (used == null) throw new Error(`the map of ${name} was refused`);
  run(work, 'rm large.img');
  const what = `allocation map of ${name}, 1 TiB, ${((100 * used) / tebibyte).toFixed(0)} % in use`;
  console.error(`bench: ${what}: ${wall.toFixed(2)} s`);
  return {
    rows: [{ what, wall, beside: '' }],
    verdicts: [atMost(`allocation map of 1 TiB of ${name}, half full: seconds`, 2, wall)],
  };
}

/** A third in use, the rest full of random bytes that nobody needs. */
function stale(work: string, size: number, rounds: number): Found {
  makeDiskImage(work, size, { stale: true });
  const commands = [
    { name: 'strata', command: 'strata -q --repo full backup disk.img --machine bench --json >result' },
    {
      name: 'partclone',
      command: 'partclone.ext4 -c -s disk.img -o - -L partclone.log 2>/dev/null | zstd -q -1 -T0 >partclone.zst',
    },
    { name: 'zstd', command: 'zstd -q -1 -T0 <disk.img >whole.zst' },
  ];
  const walls = new Map(commands.map(({ name }): [string, number[]] => [name, []]));
  let stored = '';
  for (let round = 0; round < rounds; round++) {
    for (const { name, command } of round % 2 === 0 ? commands : commands.toReversed()) {
      run(work, 'rm -rf full partclone.zst whole.zst && strata -q --repo full init >/dev/null');
      const { wall } = measure(work, command, ['disk.img']);
      console.error(`bench: stale free space, round ${round + 1}: ${name}: ${wall.toFixed(2)} s`);
      walls.get(name)?.push(wall);
      if (name === 'strata') stored = `stored ${(bytesOf(join(work, 'full')) / mebibyte).toFixed(0)} MiB`;
      if (name === 'partclone' && !existsSync(join(work, 'partclone.zst'))) throw new Error('partclone made nothing');
    }
  }
  const of = (name: string) => walls.get(name) ?? [];
  const ratio = median(of('strata').map((wall, round) => (of('partclone')[round] ?? Number.NaN) / wall));
  const beside = `partclone, zstd -1 ${median(of('partclone')).toFixed(2)}, zstd -1 of all ${median(of('zstd')).toFixed(2)}; ${stored}`;
  return {
    rows: [{ what: 'full backup, a third in use, stale data in free space', wall: median(of('strata')), beside }],
    verdicts: [
      {
        target: 'stale free space: speed over partclone | zstd, at least',
        limit: 1.5,
        value: ratio,
        reached: ratio >= 1.5,
      },
    ],
  };
}

const atMost = (target: string, limit: number, value: number): Verdict => ({
  target: `${target}, at most`,
  limit,
  value,
  reached: value <= limit,
});
