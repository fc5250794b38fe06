/**
 * `./run bench upkeep`: merging chains and collecting garbage, beside cp, and beside qemu-img over a chain of the same
 * sizes. Between two points 64 KiB here and there are written anew, 1 % of what is in use.
 */
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeDiskImage } from './disk-image.ts';
import { measure, run, withWorkFolder } from './measure.ts';
import { writeRandomPages } from './random-writes.ts';
import { circumstances, describe, markdownTable, saveResults } from './report.ts';

const links = 30;
const longChain = 300;
const manyPacks = 1_000_000;
/** A cluster of qcow2, so that its links hold no more than was written. */
const clusterBytes = 65536;

interface Row {
  readonly what: string;
  /** Seconds. */
  readonly wall: number;
  /** MiB. */
  readonly peak: number | null;
  readonly beside: string;
}

/** Measures all of it on an image of `size` bytes, prints a table and keeps the figures. */
export function measureUpkeep(size: number): void {
  const rows = withWorkFolder((work) => [
    mergeTebibyte(work),
    ...mergeBesideQemu(work, size),
    ...copyTo(work, size, 'ext4', ''),
    ...copyTo(work, size, 'XFS', 'mkfs.xfs -q -m reflink=1'),
    ...copyTo(work, size, 'Btrfs', 'mkfs.btrfs -q'),
    ...restoreOfLongChain(work),
    collectMany(),
  ]);
  const context = circumstances();
  saveResults('upkeep', context, { size, rows });
  console.log(`${describe(context)}\n`);
  const cells = rows.map(({ what, wall, peak, beside }) => [what, wall.toFixed(2), peak?.toFixed(0) ?? '', beside]);
  console.log(markdownTable(['what', 'wall, s', 'peak, MiB', 'beside'], cells));
}

function row(what: string, work: string, command: string, beside = ''): Row {
  const { wall, peak } = measure(work, command);
  console.error(`bench: ${what}: ${wall.toFixed(2)} s`);
  return { what, wall, peak: peak / 2 ** 20, beside };
}

/** A full of 1 TiB and 30 incrementals of 1 % of its blocks, maps made for the purpose. */
function mergeTebibyte(work: string): Row {
  const native = fileURLToPath(new URL('../native/test', import.meta.url));
  run(work, `make -s -C '${native}' build/synthesis && mkdir tebibyte`);
  const found = JSON.parse(run(work, `'${native}/build/synthesis' tebibyte 1 ${links}`));
  run(work, 'rm -r tebibyte');
  console.error(`bench: 1 TiB, ${links} links by reference: ${found.seconds.toFixed(2)} s`);
  return { what: `1 TiB, ${links} links, by reference`, wall: found.seconds, peak: found.peakMiB, beside: '' };
}

/** Makes a repository with a chain of `count` incrementals in `folder`; calls `each` with the places that were written. */
function makeChain(
  work: string,
  folder: string,
  count: number,
  fraction: number,
  each?: (n: number, places: readonly number[]) => unknown,
): void {
  run(work, `strata -q --repo '${folder}' init >/dev/null`);
  copyFileSync(join(work, 'original.img'), join(work, 'disk.img'));
  for (let n = 0; n <= count; n++) {
    const places = n > 0 ? writeRandomPages(work, fraction, n, clusterBytes) : [];
    run(work, `strata -q --repo '${folder}' backup disk.img --machine bench >/dev/null`);
    each?.(n, places);
  }
}

function mergeBesideQemu(work: string, size: number): Row[] {
  console.error(`bench: making a chain of ${links} links`);
  makeDiskImage(work, size);
  run(work, 'mv disk.img original.img');
  makeChain(work, 'chain', links, 0.01, (n, places) => {
    if (n === 0) return run(work, 'qemu-img convert -f raw -O qcow2 disk.img link0.qcow2');
    run(work, `qemu-img create -q -f qcow2 -F qcow2 -b link${n - 1}.qcow2 link${n}.qcow2`);
    const writes = places.map((place) => `write -q -P ${n} ${place} ${clusterBytes}`).join('\n');
    writeFileSync(join(work, 'writes'), `${writes}\n`);
    return run(work, `qemu-io -f qcow2 link${n}.qcow2 <writes >/dev/null`);
  });
  const rows = [
    row(`${links} links by reference`, work, 'strata -q --repo chain synthesize bench/disk.img >/dev/null'),
    row(
      `${links} links flattened by qemu-img convert`,
      work,
      `qemu-img convert -O qcow2 link${links}.qcow2 flat.qcow2`,
    ),
    row(`${links} links flattened by qemu-img commit`, work, `qemu-img commit -q -b link0.qcow2 link${links}.qcow2`),
  ];
  run(work, 'rm -rf chain *.qcow2');
  return rows;
}

/** Copying on a file system, beside cp of the packs that came of it. */
function copyTo(work: string, size: number, name: string, make: string): Row[] {
  console.error(`bench: copying on ${name}`);
  const place = join(work, 'place');
  mkdirSync(place);
  const program = make.split(' ')[0] ?? '';
  if (make !== '') {
    if (run(work, `command -v ${program} || true`) === '') return [];
    run(work, `truncate -s ${2 * size} ${name}.img && ${make} ${name}.img && mount -o loop ${name}.img place`);
  }
  try {
    makeChain(work, 'place/repo', 4, 0.01);
    const clone = make === '' ? '' : '--require-clone';
    const copied = row(
      `5 points copied on ${name}`,
      work,
      `strata -q --repo place/repo synthesize bench/disk.img --mode copy ${clone} --json >result`,
    );
    const { point } = JSON.parse(readFileSync(join(work, 'result'), 'utf8').trim().split('\n').at(-1) ?? '');
    const cp = make === '' ? 'cp' : 'cp --reflink=always';
    const packs = `place/repo/packs/*/${point}*`;
    const plain = row(
      `the same packs by ${cp}, synced`,
      work,
      `mkdir place/out && ${cp} ${packs} place/out && sync -f place/out`,
    );
    return [copied, plain];
  } finally {
    run(work, `${make === '' ? 'true' : 'umount place'}; rm -rf place ${name}.img`);
  }
}

function restoreOfLongChain(work: string): Row[] {
  console.error(`bench: making a chain of ${longChain} links`);
  makeChain(work, 'long', longChain, 0.0005);
  const [newest] = JSON.parse(run(work, 'strata --repo long points --limit 1 --json'));
  const restore = (what: string, point: string): Row => {
    const found = row(what, work, `strata -q --repo long restore ${point} --to restored.img >/dev/null`);
    run(work, 'rm restored.img');
    return found;
  };
  restore('unmeasured', newest.id);
  const chained = restore(`restore at the end of ${longChain} links`, newest.id);
  run(work, 'strata -q --repo long synthesize bench/disk.img >/dev/null');
  const full = restore('restore of its synthetic full', 'bench/disk.img@latest');
  run(work, 'rm -rf long');
  return [chained, full];
}

/** A million packs that nobody refers to, in memory, so that the file system is not what is measured. */
function collectMany(): Row {
  console.error(`bench: making ${manyPacks} packs`);
  const place = existsSync('/dev/shm') ? '/dev/shm' : '/tmp';
  const folder = join(place, `strata-bench-${process.pid}`);
  mkdirSync(folder);
  try {
    run(folder, 'strata -q --repo many init >/dev/null');
    for (let n = 0; n < 256; n++)
      mkdirSync(join(folder, 'many/packs', n.toString(16).padStart(2, '0')), { recursive: true });
    for (let n = 0; n < manyPacks; n++) {
      const sequence = n.toString(16).padStart(8, '0');
      writeFileSync(join(folder, 'many/packs', sequence.slice(-2), `${'ab'.repeat(12)}${sequence}`), 'x');
    }
    return row(`gc over ${manyPacks} packs`, folder, 'strata -q --repo many gc >/dev/null');
  } finally {
    run(place, `rm -rf '${folder}'`);
  }
}
